import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { lastWords } from './runner.ts'

const SUBNET = '10.77.0.0/24'
/** The host's address on the network; no node has it. */
const GATEWAY = '10.77.0.254'
/** What everything of a lab is labelled with, and the pid that it belongs to. */
export const LABEL = 'chanter-lab'
const FORWARDING = '/proc/sys/net/ipv4/ip_forward'
/** A container that was being made while others were removed is found by the next try. */
const TRIES = 5

/** Containers and their network under names of their own; all end with `close`, with this process, or with Ctrl-C. */
export class ContainerLab {
  readonly engine: Engine
  readonly name = `chanter-${process.pid}`
  readonly directory = mkdtempSync(join(tmpdir(), 'chanter-'))
  private readonly label = `${LABEL}=${process.pid}`
  /** What it was before podman's network plugin switched it on. */
  private forwarding: string | undefined
  private closed = false

  constructor(engine: Engine) {
    this.engine = engine
    chmodSync(this.directory, 0o755)
    process.once('exit', this.close).once('SIGINT', this.onSignal).once('SIGTERM', this.onSignal)
  }

  nameOf(role: string): string {
    return `${this.name}-${role}`
  }

  /** What makes a container share the network of another. */
  sharing(role: string): string[] {
    return ['--network', `container:${this.nameOf(role)}`]
  }

  async addNetwork(): Promise<void> {
    const options = ['--label', this.label, '--internal', '--subnet', SUBNET, '--gateway', GATEWAY]
    this.forwarding = readFileSync(FORWARDING, 'utf8')
    const dns = this.engine.name === 'podman' ? ['--disable-dns'] : []
    await this.engine.run('network', 'create', ...options, ...dns, this.name)
  }

  /** Starts a container; `words` are the options of `run`, the image and its arguments. */
  async start(role: string, words: readonly string[]): Promise<void> {
    const own = ['--name', this.nameOf(role), '--label', this.label]
    const mount = ['-v', `${this.directory}:${this.directory}`]
    await this.engine.run('run', '-d', ...own, ...mount, ...this.engine.runOptions, ...words)
  }

  exec(role: string, ...command: readonly string[]): Promise<string> {
    return this.engine.run('exec', this.nameOf(role), ...command)
  }

  logs(role: string): Promise<string> {
    return this.engine.run('logs', this.nameOf(role))
  }

  async remove(role: string): Promise<void> {
    await this.engine.run('rm', ...this.engine.removeOptions, this.nameOf(role))
  }

  /** The last words of all daemons. */
  async lastWords(): Promise<string> {
    const names = this.list('ps', '-a', '--format', '{{.Names}}').filter((name) => name.endsWith('-daemon'))
    const logs = await Promise.all(
      names.map(async (name) => lastWords(name, await this.engine.run('logs', name))),
    )
    return logs.join('')
  }

  /** Not asynchronous, so that it works while the process ends. */
  close = (): void => {
    if (this.closed) return
    this.closed = true
    process.off('exit', this.close).off('SIGINT', this.onSignal).off('SIGTERM', this.onSignal)
    removeLabelled(this.engine, this.label)
    if (this.forwarding?.trim() === '0' && process.getuid?.() === 0) writeFileSync(FORWARDING, '0')
    rmSync(this.directory, { recursive: true, force: true })
  }

  private list(...words: readonly string[]): string[] {
    return listLabelled(this.engine, this.label, words)
  }

  private onSignal = (signal: NodeJS.Signals): void => {
    this.close()
    process.exit(128 + constants.signals[signal])
  }
}

/** Removes the containers and networks of labs whose process was killed, and no others. */
export function removeAbandoned(engine: Engine): void {
  const labels = listLabelled(engine, LABEL, ['ps', '-a', '--format', `{{.Label "${LABEL}"}}`])
  for (const pid of new Set(labels))
    if (!existsSync(`/proc/${pid}`)) removeLabelled(engine, `${LABEL}=${pid}`)
}

/** Those that share the network of another have to go before it, so it takes two tries. */
function removeLabelled(engine: Engine, label: string): void {
  for (let i = 0; i < TRIES; i++) {
    const ids = listLabelled(engine, label, ['ps', '-aq'])
    const networks = listLabelled(engine, label, ['network', 'ls', '-q'])
    if (ids.length === 0 && networks.length === 0) return
    attempt(() => engine.runSync('rm', ...engine.removeOptions, ...ids))
    attempt(() => engine.runSync('network', 'rm', ...networks))
  }
  process.stderr.write(`not all containers with the label ${label} could be removed\n`)
}

function listLabelled(engine: Engine, label: string, words: readonly string[]): string[] {
  const output = engine.runSync(...words, '--filter', `label=${label}`)
  return output.split('\n').filter((line) => line !== '')
}

function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // the end reports what is left
  }
}
