import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

const STOP_MS = 60_000

/** A process of a lab; its output goes to a file. It is a session of its own, so that Ctrl-C reaches only us. */
export class LabProcess {
  readonly name: string
  readonly logFile: string
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  #stopping = false

  constructor(name: string, logFile: string, program: string, args: readonly string[]) {
    this.name = name
    this.logFile = logFile
    const log = openSync(logFile, 'a')
    this.#child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    this.#exited = new Promise((resolve, reject) => {
      this.#child.once('exit', resolve)
      this.#child.once('error', reject)
    })
    this.#exited.catch(() => undefined)
    this.#child.unref()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** How it ended without a request; undefined when it did not. */
  get failure(): string | undefined {
    const { exitCode, signalCode, pid } = this.#child
    if (this.#stopping) return undefined
    if (pid === undefined) return 'it could not be started'
    if (signalCode !== null) return `signal ${signalCode}`
    return exitCode === null ? undefined : `exit code ${exitCode}`
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Asks it to end and waits; resolves to its exit code, null when a signal ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#stopping = true
    this.#child.ref()
    this.#child.kill(signal)
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    try {
      return await this.#exited
    } finally {
      clearTimeout(insist)
    }
  }

  /** Ends it and its child processes at once; does nothing when they have ended already. */
  kill(): void {
    this.#stopping = true
    try {
      if (this.pid !== undefined) process.kill(-this.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  /** The last lines of its output. */
  tail(lines = 15): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }
}
