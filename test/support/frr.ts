import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../src/lab/command.ts'
import { LABS, type Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'

/** FRR's zebra and bgpd on a machine of the lab, spoken to by vtysh. */
export class Frr {
  readonly host: LabHost
  private readonly lab: Lab
  private readonly directory: string
  private readonly processes: readonly LabProcess[]

  private constructor(lab: Lab, host: LabHost, directory: string, processes: readonly LabProcess[]) {
    this.lab = lab
    this.host = host
    this.directory = directory
    this.processes = processes
  }

  /** Starts them with these lines of bgpd's configuration; resolves when bgpd answers. */
  static async start(lab: Lab, host: LabHost, config: string): Promise<Frr> {
    const directory = await frrDirectory(lab, host, { 'bgpd.conf': config, 'zebra.conf': '' })
    const own = (name: string) => join(directory, name)
    const started = ['zebra', 'bgpd'].map((name) => {
      const files = ['-f', own(`${name}.conf`), '-i', own(`${name}.pid`), '-z', own('zserv')]
      const options = ['--vty_socket', directory, '-P', '0', '--log', 'stdout']
      return lab.start(host.namespace, `${host.name}-${name}`, `/usr/lib/frr/${name}`, ...files, ...options)
    })
    const frr = new Frr(lab, host, directory, started)
    await lab.eventually('bgpd answers', async () => ({ value: await frr.show('bgp summary') }))
    return frr
  }

  /** Kills both; it may be started again. */
  async kill(): Promise<void> {
    for (const process of this.processes) await process.stop('SIGKILL')
  }

  get pids(): number[] {
    return this.processes.map(({ pid }) => pid ?? 0)
  }

  /** How one of them ended by itself; undefined while both run. */
  get failure(): string | undefined {
    return this.processes.find(({ failure }) => failure !== undefined)?.failure
  }

  /** What `show …` prints. */
  show(what: string): Promise<string> {
    return this.lab.exec(this.host.namespace, 'vtysh', '--vty_socket', this.directory, '-c', `show ${what}`)
  }

  async shown<T>(what: string): Promise<T> {
    return JSON.parse(await this.show(`${what} json`)) as T
  }
}

/** Makes a directory with these files for FRR's daemons, which give up root before they read and write. */
export async function frrDirectory(
  lab: Lab,
  host: LabHost,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const directory = join(lab.directory, `${host.name}-frr`)
  mkdirSync(directory, { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  await run('chown', '-R', 'frr:frr', directory)
  for (const path of [LABS, lab.directory]) chmodSync(path, 0o711)
  return directory
}
