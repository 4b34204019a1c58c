import { run } from '../../src/lab/command.ts'
import type { Lab } from '../../src/lab/lab.ts'

const ASK_EVERY_MS = 200

/** How long the machine itself stands still, which is no fault of a daemon's: the kernel's link lock is one for all its network namespaces. */
export class Machine {
  readonly #namespace: string
  #stood = 0
  #since: number | null = null

  constructor(lab: Lab) {
    this.#namespace = lab.addNamespace('machine')
    const timer = setInterval(() => this.#ask().catch(() => clearInterval(timer)), ASK_EVERY_MS)
    timer.unref()
  }

  /** The longest that a change of a link has waited since the last call, in ms. */
  takeStandstill(): number {
    const waiting = this.#since === null ? 0 : performance.now() - this.#since
    const stood = Math.max(this.#stood, waiting)
    this.#stood = 0
    return stood
  }

  async #ask(): Promise<void> {
    if (this.#since !== null) return
    this.#since = performance.now()
    await run('ip', '-n', this.#namespace, 'link', 'set', 'lo', 'up')
    this.#stood = Math.max(this.#stood, performance.now() - this.#since)
    this.#since = null
  }
}
