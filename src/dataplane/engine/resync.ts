import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { identity } from '../model.ts'
import type { Verifier } from './verifier.ts'

export interface ResyncParts {
  readonly clock: Clock
  readonly verifier: Verifier
  readonly log: Logger
  /** From the end of one comparison to the begin of the next; 0: none. */
  readonly intervalMs: number
}

/** Has the kernel compared with what is wanted time and again, and put right: it does not tell of all that happens to it. */
export class Resync {
  private readonly clock: Clock
  private readonly verifier: Verifier
  private readonly log: Logger
  private readonly intervalMs: number
  private cancel = () => {}

  constructor({ clock, verifier, log, intervalMs }: ResyncParts) {
    this.clock = clock
    this.verifier = verifier
    this.log = log
    this.intervalMs = intervalMs
  }

  start(): void {
    if (this.intervalMs > 0) this.cancel = this.clock.after(this.intervalMs, () => void this.run())
  }

  stop(): void {
    this.cancel()
  }

  private async run(): Promise<void> {
    try {
      const { missing, different, extra, faults, unreadable } = await this.verifier.verifyGently()
      const [first] = faults
      if (first !== undefined)
        this.log.warn(
          { missing, different, extra, first: `${first.fault}: ${identity(first.entry)}` },
          'the kernel was changed without a word: it is put right',
        )
      if (unreadable.length > 0) this.log.warn({ unreadable }, 'devices that could not be compared')
    } catch (error) {
      this.log.error({ error }, 'comparison with the kernel failed')
    }
    this.start()
  }
}
