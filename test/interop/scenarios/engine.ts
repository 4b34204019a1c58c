import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { HOME } from '../../../src/home.ts'

/** Why no container can run here, in words for people. */
export class NoEngine extends Error {}

const NAMES = ['docker', 'podman'] as const
type Name = (typeof NAMES)[number]

/** A build may fetch packages. */
const TIMEOUT_MS = 600_000
const RUNC = '/usr/sbin/runc'
const NODE_IMAGE = 'docker.io/library/node:24-bookworm-slim'

/** Docker or Podman. */
export class Engine {
  readonly name: Name
  readonly command: readonly string[]
  /** What `run` needs besides: where root may not raise its limits, podman's defaults are too high. */
  readonly runOptions: readonly string[]
  /** Podman's profile of system calls lets CAP_SYS_ADMIN alone use bpf(2), where Docker's lets CAP_BPF. */
  readonly bpfOptions: readonly string[]
  /** What lets a container write the settings of its network below /proc/sys. */
  readonly sysctlOptions: readonly string[]
  /** At once, with the volumes that it was given no name for. */
  readonly removeOptions: readonly string[]
  private readonly buildOptions: readonly string[]

  /** The one that is wanted, or the first that runs. Throws NoEngine. */
  static find(wanted = process.env['ENGINE'] || undefined): Engine {
    const names = NAMES.filter((name) => wanted === undefined || name === wanted)
    if (names.length === 0) throw new NoEngine(`ENGINE is ${NAMES.join(' or ')}, not ${wanted}`)
    const complaints = names.map((name) => {
      const engine = new Engine(name)
      const complaint = engine.complaint()
      return complaint === undefined ? engine : `${name}: ${complaint}`
    })
    const found = complaints.find((one) => one instanceof Engine)
    if (found instanceof Engine) return found
    throw new NoEngine(complaints.join('; '))
  }

  private constructor(name: Name) {
    this.name = name
    const isPodman = name === 'podman'
    this.command = isPodman && existsSync(RUNC) ? [name, '--runtime', RUNC] : [name]
    this.runOptions = isPodman
      ? ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096', '--no-healthcheck']
      : []
    this.bpfOptions = isPodman ? ['--security-opt', 'seccomp=unconfined'] : []
    this.sysctlOptions = ['--security-opt', isPodman ? 'unmask=ALL' : 'systempaths=unconfined']
    this.removeOptions = ['-f', '-v', ...(isPodman ? ['-t', '0'] : [])]
    this.buildOptions = isPodman ? ['--format', 'docker', '--isolation', 'chroot', '--pull=never'] : []
  }

  /** Why it does not run; undefined when it does. */
  private complaint(): string | undefined {
    try {
      this.runSync('info')
      return undefined
    } catch (error) {
      const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string }
      if (code === 'ENOENT') return 'not installed'
      const words = String(stderr ?? '').trim() || message
      return words.split('\n').at(-1)
    }
  }

  version(): string {
    return this.runSync('--version').trim()
  }

  /** What it prints; fails with its words. */
  async run(...words: readonly string[]): Promise<string> {
    const [program = '', ...options] = this.command
    try {
      const all = [...options, ...words]
      const { stdout } = await promisify(execFile)(program, all, { timeout: TIMEOUT_MS, maxBuffer: 1 << 26 })
      return stdout
    } catch (error) {
      const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
      throw new Error(`${this.name} ${words.join(' ')}: ${stderr.trim() || stdout.trim() || message}`)
    }
  }

  runSync(...words: readonly string[]): string {
    const [program = '', ...options] = this.command
    return execFileSync(program, [...options, ...words], {
      timeout: TIMEOUT_MS,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** Name of the image that all others are built on: Debian with Node. */
  base(): string {
    const script = fileURLToPath(new URL('scripts/container-base.sh', HOME))
    const words = [process.env['BASE'] ?? NODE_IMAGE, ...this.command]
    return execFileSync(script, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  }

  /** Builds an image of the checkout's Dockerfile, or of the one in `folder`. */
  async build(tag: string, base: string, { folder = '.', target }: BuildOptions = {}): Promise<void> {
    const context = fileURLToPath(new URL(folder, HOME))
    await this.run(
      'build',
      ...[...this.buildOptions, '--network', 'host', '--build-arg', `BASE=${base}`, '-t', tag],
      ...(target === undefined ? [] : ['--target', target]),
      ...['-f', `${context}/Dockerfile`, context],
    )
  }
}

export interface BuildOptions {
  readonly folder?: string
  readonly target?: string
}
