import type { Clock } from '../../clock.ts'
import type { Ip } from '../../values/address.ts'
import { assert } from '../../values/assert.ts'
import type { Closable } from '../../values/closable.ts'
import type { Driver } from '../driver.ts'
import { allAnswered, type Eventual, whenAnswered } from '../eventual.ts'
import type { NextHop } from '../model.ts'
import { orUnknown, thrownByClock, UNKNOWN } from './lost-answers.ts'

/** How often next hops are looked up without a hint: the kernel does not notify every change, such as routes that went with an address. */
const POLL_MS = 1000
/** The pause after a lookup that a hint caused, in multiples of its duration: a main table in constant change thus costs a tenth of a CPU. */
const REST = 9
/** Addresses looked up at a time, so that many of them hold up no other work. */
const AT_A_TIME = 128

type NextHopListener = (nextHop: NextHop | null) => void

interface Watched {
  /** Undefined before the first answer. */
  nextHop: NextHop | null | undefined
  readonly changed: NextHopListener
  /** Whether the driver has been asked, and has not answered yet. */
  isAsked: boolean
  /** Whether it is to be asked once more then: of two questions, the older answer could come last. */
  isDue: boolean
}

/** The next hops of addresses by the main table, as they change. */
export class Underlay implements Closable {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly watched = new Map<Ip, Watched>()
  private polling = false
  private hinted = false
  /** How long the last complete lookup took, or the present one has taken so far. */
  private tookMs = 0

  constructor(clock: Clock, driver: Driver) {
    this.clock = clock
    this.driver = driver
  }

  watchNextHop(ip: Ip, changed: NextHopListener): void {
    assert(!this.watched.has(ip), 'an address has two followers')
    // where this throws, the address is not watched
    const answer = this.driver.nextHopTo(ip)
    const one = { nextHop: undefined, changed, isAsked: false, isDue: false }
    this.watched.set(ip, one)
    if (!this.polling) this.pollLater()
    void this.take(ip, one, answer)
  }

  unwatchNextHop(ip: Ip): void {
    this.watched.delete(ip)
  }

  close(): void {
    this.watched.clear()
  }

  /** Schedules a lookup of all next hops, since some may have changed. */
  hint(): void {
    if (this.hinted || this.watched.size === 0) return
    this.hinted = true
    this.clock.after(REST * this.tookMs, () => {
      this.hinted = false
      this.askAll(() => {})
    })
  }

  private pollLater(): void {
    this.polling = this.watched.size > 0
    if (this.polling) this.clock.after(POLL_MS, () => this.askAll(() => this.pollLater()))
  }

  private askAll(done: () => void): void {
    this.tookMs = 0
    this.askSome([...this.watched.keys()], done)
  }

  private askSome(ips: Ip[], done: () => void): void {
    const start = this.clock.now()
    const answers = allAnswered(ips.splice(0, AT_A_TIME).map((ip) => this.ask(ip)))
    void whenAnswered(answers, () => {
      this.tookMs += this.clock.now() - start
      if (ips.length > 0) this.clock.soon(() => this.askSome(ips, done))
      else done()
    })
  }

  private ask(ip: Ip): Eventual<void> {
    const one = this.watched.get(ip)
    if (one === undefined) return
    one.isDue = one.isAsked
    if (one.isAsked) return
    return this.take(ip, one, this.driver.nextHopTo(ip))
  }

  private take(ip: Ip, one: Watched, answer: Eventual<NextHop | null>): Eventual<void> {
    one.isAsked = answer instanceof Promise
    const taken = whenAnswered(orUnknown(answer), (nextHop) => {
      one.isAsked = false
      // the address may have lost its follower meanwhile, and may have another one
      if (this.watched.get(ip) !== one) return
      if (nextHop !== UNKNOWN) this.note(one, nextHop)
      if (one.isDue) return this.ask(ip)
    })
    return taken instanceof Promise ? thrownByClock(this.clock, taken) : taken
  }

  private note(one: Watched, nextHop: NextHop | null): void {
    if (one.nextHop !== undefined && nextHopKey(nextHop) === nextHopKey(one.nextHop)) return
    one.nextHop = nextHop
    one.changed(nextHop)
  }
}

function nextHopKey(nextHop: NextHop | null): string {
  return nextHop === null ? '' : `${nextHop.device} ${nextHop.via ?? '-'} ${nextHop.labels.join('/')}`
}
