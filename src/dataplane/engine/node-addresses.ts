import type { Clock } from '../../clock.ts'
import { type EventSink, errorOf } from '../../events/event.ts'
import type { InterfaceAddress } from '../../values/address.ts'
import type { Driver } from '../driver.ts'

/** Notifications come in bunches: they are awaited so long before the kernel is asked. */
const GATHER_MS = 50
/** It rests for so many times as long as asking took: where addresses never come to rest, that is a tenth of a CPU. */
const REST = 9

type Changed = (addresses: readonly InterfaceAddress[]) => void

/** The addresses of the machine itself, as they change. */
export class NodeAddresses {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly events: EventSink
  private changed: Changed | null = null
  private known = ''
  private hinted = false
  private tookMs = 0

  constructor(clock: Clock, driver: Driver, events: EventSink) {
    this.clock = clock
    this.driver = driver
    this.events = events
  }

  watch(changed: Changed): void {
    this.changed = changed
    const addresses = this.driver.nodeAddresses()
    this.known = addressesKey(addresses)
    changed(addresses)
  }

  stop(): void {
    this.changed = null
  }

  /** They may have changed: the kernel is asked soon. */
  hint(): void {
    if (this.hinted || this.changed === null) return
    this.hinted = true
    this.clock.after(GATHER_MS + REST * this.tookMs, () => {
      this.hinted = false
      this.ask()
    })
  }

  private ask(): void {
    if (this.changed === null) return
    const start = this.clock.now()
    try {
      const addresses = this.driver.nodeAddresses()
      const key = addressesKey(addresses)
      if (key !== this.known) this.changed(addresses)
      this.known = key
    } catch (error) {
      this.events.emit({ type: 'addresses-unreadable', error: errorOf(error) })
      this.hint()
    } finally {
      this.tookMs = this.clock.now() - start
    }
  }
}

function addressesKey(addresses: readonly InterfaceAddress[]): string {
  return addresses
    .map(({ ip, prefixLength }) => `${prefixLength} ${ip}`)
    .sort()
    .join()
}
