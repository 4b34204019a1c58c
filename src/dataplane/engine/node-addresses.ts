import type { Clock } from '../../clock.ts'
import { type EventSink, errorOf } from '../../events/event.ts'
import type { InterfaceAddress } from '../../values/address.ts'
import { assert } from '../../values/assert.ts'
import type { Closable } from '../../values/closable.ts'
import type { Driver } from '../driver.ts'
import { type AskingSteps, answerTo, takeSteps } from '../eventual.ts'

/** Notifications come in bunches: the dump starts this long after the first. */
const GATHER_MS = 50
/** The pause after a dump, in multiples of the dump's duration: constant address changes thus cost a tenth of a CPU. */
const REST = 9

type AddressesListener = (addresses: readonly InterfaceAddress[]) => void

/** The addresses of the node, as they change. */
export class NodeAddresses implements Closable {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly events: EventSink
  private changed: AddressesListener | null = null
  /** Null before the first answer. */
  private known: string | null = null
  private hinted = false
  /** Of two questions, the older answer could come last. */
  private isAsking = false
  private tookMs = 0

  constructor(clock: Clock, driver: Driver, events: EventSink) {
    this.clock = clock
    this.driver = driver
    this.events = events
  }

  watch(changed: AddressesListener): void {
    assert(this.changed === null, 'the addresses have two followers')
    this.changed = changed
    this.ask()
  }

  close(): void {
    this.changed = null
  }

  /** Schedules a dump of the addresses, which may have changed. */
  hint(): void {
    if (this.hinted || this.changed === null) return
    this.hinted = true
    if (!this.isAsking) this.askLater()
  }

  private askLater(): void {
    this.clock.after(GATHER_MS + REST * this.tookMs, () => {
      this.hinted = false
      if (this.changed !== null) this.ask()
    })
  }

  private ask(): void {
    void takeSteps(this.asking())
  }

  private *asking(): AskingSteps<void> {
    const start = this.clock.now()
    this.isAsking = true
    try {
      const addresses = yield* answerTo(this.driver.nodeAddresses())
      const key = addressesKey(addresses)
      if (key !== this.known) this.changed?.(addresses)
      this.known = key
    } catch (error) {
      if (this.changed !== null) this.events.emit({ type: 'addresses-unreadable', error: errorOf(error) })
      this.hint()
    } finally {
      this.isAsking = false
      this.tookMs = this.clock.now() - start
      if (this.hinted) this.askLater()
    }
  }
}

function addressesKey(addresses: readonly InterfaceAddress[]): string {
  return addresses
    .map(({ ip, prefixLength }) => `${prefixLength} ${ip}`)
    .sort()
    .join()
}
