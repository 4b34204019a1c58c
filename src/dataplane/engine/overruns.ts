import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Closable } from '../../values/closable.ts'
import { backoff } from './exceptions.ts'

/** After this long without an overrun, the next one is handled promptly again. */
const MEMORY_MS = 60_000

/** Lost notifications require a new dump of everything: the rarer they are, the sooner it starts. */
export class Overruns implements Closable {
  private readonly clock: Clock
  private readonly events: EventSink
  private readonly resync: () => void
  private count = 0
  private last = Number.NEGATIVE_INFINITY
  private cancel: (() => void) | null = null

  constructor(clock: Clock, events: EventSink, resync: () => void) {
    this.clock = clock
    this.events = events
    this.resync = resync
  }

  /** Records that notifications were lost. */
  add(): void {
    if (this.cancel !== null) return
    const now = this.clock.now()
    this.count = now - this.last > MEMORY_MS ? 1 : this.count + 1
    this.last = now
    this.events.emit({ type: 'notifications-lost', overruns: this.count })
    this.cancel = this.clock.after(backoff(this.count), () => {
      this.cancel = null
      this.resync()
    })
  }

  close(): void {
    this.cancel?.()
  }
}
