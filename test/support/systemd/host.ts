import { mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HOME } from '../../../src/home.ts'
import { run } from '../../../src/lab/command.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import type { LabHost } from '../../../src/lab/network.ts'
import type { LabProcess } from '../../../src/lab/process.ts'

const SCRIPT = fileURLToPath(new URL('./host.sh', import.meta.url))
const BOOT_SECONDS = 60
/** What systemd itself gives to services. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** A host of a lab that systemd runs: the files of this machine, but none of its services; chanter is in /opt/chanter. */
export class SystemdHost {
  private readonly process: LabProcess
  private readonly pid: string

  private constructor(process: LabProcess, pid: string) {
    this.process = process
    this.pid = pid
  }

  /** Resolves when systemd has started what every host has. */
  static async boot(lab: Lab, { name, namespace }: LabHost): Promise<SystemdHost> {
    const directory = join(lab.directory, `${name}-systemd`)
    mkdirSync(directory)
    const words = [SCRIPT, directory, fileURLToPath(HOME), realpathSync(process.execPath)]
    const started = lab.start(namespace, `${name}-systemd`, 'unshare', '--mount', ...words)
    const pidFile = join(directory, 'pid')
    const pid = await lab.eventually('its first process runs', async () => ({
      value: readFileSync(pidFile, 'utf8').trim(),
    }))
    const host = new SystemdHost(started, pid)
    await lab.eventually(
      'systemd has started',
      async () => {
        const state = await host.sh('systemctl is-system-running || true')
        // degraded where a unit of this machine fails there
        return /^(running|degraded)$/m.test(state) ? { value: state } : { seen: state }
      },
      BOOT_SECONDS,
    )
    return host
  }

  /** Runs a program as root on the host; returns its output. */
  run(...command: readonly string[]): Promise<string> {
    const inside = [
      '--target',
      this.pid,
      '--mount',
      '--pid',
      '--ipc',
      '--uts',
      '--cgroup',
      '--net',
      '--root',
      '--wd',
    ]
    return run('nsenter', ...inside, 'env', '-i', `PATH=${PATH}`, ...command)
  }

  /** Runs lines of a shell on the host. */
  sh(lines: string): Promise<string> {
    return this.run('sh', '-ec', lines)
  }

  write(path: string, text: string): Promise<string> {
    return this.run('sh', '-ec', 'printf %s "$2" >"$1"', 'sh', path, text)
  }

  /** The value of a property of a unit, as `systemctl show` prints it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run('systemctl', 'show', '--value', '--property', name, unit)).trim()
  }

  /** Ends it with all its processes. */
  async close(): Promise<void> {
    await this.process.stop()
  }
}
