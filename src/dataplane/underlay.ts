import type { Clock } from '../clock.ts'
import type { Ip } from '../values/address.ts'
import type { Driver } from './driver.ts'
import type { NextHop } from './model.ts'

/** Linux would tell of every route of the main table, where another daemon may keep the whole Internet. So it is asked, that often. */
const POLL_MS = 1000
/** Addresses that are asked for at a time, so that many of them do not hold up everybody else. */
const AT_A_TIME = 128

type Changed = (way: NextHop | null) => void

/** The ways to addresses by the main table, as they change. */
export class Underlay {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly followed = new Map<Ip, { way: NextHop | null; readonly changed: Changed }>()
  private polling = false

  constructor(clock: Clock, driver: Driver) {
    this.clock = clock
    this.driver = driver
  }

  follow(ip: Ip, changed: Changed): NextHop | null {
    const way = this.driver.wayTo(ip)
    this.followed.set(ip, { way, changed })
    if (!this.polling) this.pollLater()
    return way
  }

  unfollow(ip: Ip): void {
    this.followed.delete(ip)
  }

  stop(): void {
    this.followed.clear()
  }

  private pollLater(): void {
    this.polling = this.followed.size > 0
    if (this.polling) this.clock.after(POLL_MS, () => this.poll([...this.followed.keys()]))
  }

  private poll(ips: Ip[]): void {
    for (const ip of ips.splice(0, AT_A_TIME)) this.ask(ip)
    if (ips.length > 0) this.clock.soon(() => this.poll(ips))
    else this.pollLater()
  }

  private ask(ip: Ip): void {
    const one = this.followed.get(ip)
    if (one === undefined) return
    const way = this.driver.wayTo(ip)
    if (keyOf(way) === keyOf(one.way)) return
    one.way = way
    one.changed(way)
  }
}

function keyOf(way: NextHop | null): string {
  return way === null ? '' : `${way.device} ${way.via ?? '-'} ${way.labels.join('/')}`
}
