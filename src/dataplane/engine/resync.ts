import type { Clock } from '../../clock.ts'
import { type EventSink, errorOf } from '../../events/event.ts'
import { identity } from '../kinds/index.ts'
import type { Verifier } from './verifier.ts'

export interface ResyncDependencies {
  readonly clock: Clock
  readonly verifier: Verifier
  readonly events: EventSink
  /** From the end of one comparison to the start of the next; 0: none. */
  readonly intervalMs: number
}

/** Compares the kernel with the desired state periodically and repairs it, since the kernel does not notify every change. */
export class Resync {
  private readonly clock: Clock
  private readonly verifier: Verifier
  private readonly events: EventSink
  private intervalMs: number
  private isStarted = false
  private isComparing = false
  private cancel = () => {}

  constructor({ clock, verifier, events, intervalMs }: ResyncDependencies) {
    this.clock = clock
    this.verifier = verifier
    this.events = events
    this.intervalMs = intervalMs
  }

  start(): void {
    this.isStarted = true
    this.schedule()
  }

  /** Changes the interval; the next one begins now, or at the end of a comparison. */
  setInterval(ms: number): void {
    this.intervalMs = ms
    if (!this.isStarted || this.isComparing) return
    this.cancel()
    this.schedule()
  }

  private schedule(): void {
    if (this.intervalMs > 0) this.cancel = this.clock.after(this.intervalMs, () => void this.run())
  }

  stop(): void {
    this.isStarted = false
    this.cancel()
  }

  private async run(): Promise<void> {
    this.isComparing = true
    try {
      const { missing, different, extra, faults, unreadable } = await this.verifier.verifyGently()
      const [first] = faults
      if (first !== undefined) {
        const text = `${first.fault}: ${identity(first.entry)}`
        this.events.emit({ type: 'comparison-differs', missing, different, extra, first: text })
      }
      if (unreadable.length > 0) this.events.emit({ type: 'comparison-partial', unreadable })
    } catch (error) {
      this.events.emit({ type: 'comparison-failed', error: errorOf(error) })
    }
    this.isComparing = false
    if (this.isStarted) this.schedule()
  }
}
