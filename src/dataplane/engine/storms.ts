import type { Clock } from '../../clock.ts'
import { type EventSink, errorOf } from '../../events/event.ts'
import type { Counters, Driver } from '../driver.ts'
import { type AskingSteps, type Eventual, gathered, takeSteps, whenAnswered } from '../eventual.ts'
import { type LinkEntry, linkDefinition } from '../kinds/index.ts'
import { isExternal } from '../kinds/link-step.ts'
import { ALIAS_PREFIX, type Storm } from '../model.ts'
import type { Device } from './device.ts'
import { Rounds } from './rounds.ts'

const INTERVAL_MS = 10_000
/** A bridge above the limit is measured once more together with its ports, so that a short burst is no storm. */
const CONFIRM_MS = 1000
/** Shorter intervals give no rate. */
const MIN_INTERVAL_MS = 500
/** Frames a second: an ARP request a second of each of a thousand VMs is a tenth of it, a loop passes hundreds of thousands. */
const STORM_RATE = 10_000
/** Below it a storm is over; the gap to the limit prevents flapping. */
const CALM_RATE = STORM_RATE / 2
const BRIDGES_A_TURN = 32

interface Reading {
  /** In milliseconds of the clock. */
  readonly at: number
  readonly counters: Counters
  /** Frames received by each port; only while the rate is suspicious. */
  readonly ports: ReadonlyMap<string, number> | null
}

export interface StormsDependencies {
  readonly clock: Clock
  readonly driver: Driver
  readonly events: EventSink
  readonly devices: ReadonlyMap<string, Device>
}

/** Measures how many frames a second the bridges of VPN instances pass up to themselves, and knows which instances have a storm. */
export class Storms {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly events: EventSink
  private readonly devices: ReadonlyMap<string, Device>
  readonly rounds: Rounds
  private readonly readings = new Map<string, Reading>()
  private readonly storms = new Map<string, Storm>()

  constructor({ clock, driver, events, devices }: StormsDependencies) {
    this.clock = clock
    this.driver = driver
    this.events = events
    this.devices = devices
    this.rounds = new Rounds(clock, INTERVAL_MS, (done) => this.round(done))
  }

  /** The current storms. */
  all(): Iterable<Storm> {
    return this.storms.values()
  }

  private round(done: () => void): void {
    for (const bridge of this.readings.keys()) if (this.bridgeOf(bridge) === null) this.forget(bridge)
    const names = [...this.devices.keys()].filter((name) => this.bridgeOf(name) !== null)
    const turn = (): void => {
      if (!this.rounds.isRunning) return
      void whenAnswered(this.measure(names.splice(0, BRIDGES_A_TURN)), () => {
        if (names.length > 0) this.clock.soon(turn)
        else done()
      })
    }
    turn()
  }

  private measure(names: readonly string[]): Eventual<void> {
    return takeSteps(this.measuring(names))
  }

  private *measuring(names: readonly string[]): AskingSteps<void> {
    // an answer that another one has overtaken is older than the last reading, and is ignored
    const at = this.clock.now()
    try {
      const counters = yield* this.rounds.answerTo(this.driver.counters(names))
      const answers = names.map((name) => {
        const bridge = this.bridgeOf(name)
        const read = counters.get(name)
        if (bridge === null || read === undefined) return this.forget(name)
        return takeSteps(this.assess(bridge, { at, counters: read }))
      })
      yield* this.rounds.answerTo(gathered(answers))
    } catch (error) {
      if (this.rounds.isRunning) this.events.emit({ type: 'counters-unreadable', error: errorOf(error) })
    }
  }

  private *assess(bridge: LinkEntry, now: Pick<Reading, 'at' | 'counters'>): AskingSteps<void> {
    const name = bridge.device
    const before = this.readings.get(name)
    if (before === undefined) return void this.readings.set(name, { ...now, ports: null })
    if (now.at - before.at < MIN_INTERVAL_MS) return
    // an external bridge that is not isolated may be an interface of the host, and receive unicast for it
    const isHosts =
      isExternal(bridge) && (yield* this.rounds.answerTo(this.driver.isolationOf(name))).by === null
    const rates = ratesOf(isHosts, before, now)
    const isHigh = this.storms.has(name) ? rates.most >= CALM_RATE : rates.least >= STORM_RATE
    const ports = isHigh ? yield* this.portsOf(name) : null
    // it may have become unwanted before a late answer
    if (this.bridgeOf(name) !== bridge) return
    this.readings.set(name, { ...now, ports })
    if (ports === null) this.end(name, rates.most)
    else if (before.ports !== null) this.report(bridge, busiest(before.ports, ports), rates.most)
    else this.clock.after(CONFIRM_MS, () => this.rounds.isRunning && this.measure([name]))
  }

  private *portsOf(bridge: string): AskingSteps<ReadonlyMap<string, number>> {
    const ports = yield* this.rounds.answerTo(this.driver.portsOf(bridge))
    const counters = yield* this.rounds.answerTo(this.driver.counters(ports.map(({ name }) => name)))
    return new Map([...counters].map(([name, { received }]) => [name, received]))
  }

  private report({ device: bridge, alias }: LinkEntry, port: string | null, rate: number): void {
    const storm = { instance: alias.slice(ALIAS_PREFIX.length), bridge, port, rate }
    if (!this.storms.has(bridge)) this.events.emit({ type: 'storm-began', ...storm })
    this.storms.set(bridge, storm)
  }

  private end(bridge: string, rate: number): void {
    const storm = this.storms.get(bridge)
    if (storm === undefined) return
    this.storms.delete(bridge)
    this.events.emit({ type: 'storm-ended', ...storm, rate })
  }

  private forget(bridge: string): void {
    this.readings.delete(bridge)
    this.end(bridge, 0)
  }

  /** The wanted bridge of that name. */
  private bridgeOf(name: string): LinkEntry | null {
    const link = this.devices.get(name)?.link ?? null
    return link !== null && linkDefinition(link.kind).isBridge ? link : null
  }
}

/** How many broadcast and multicast frames a second came between two readings, within bounds: where unicast is counted too, only multicast is certain. */
function ratesOf(
  isHosts: boolean,
  before: Pick<Reading, 'at' | 'counters'>,
  now: Pick<Reading, 'at' | 'counters'>,
) {
  // a bridge that was created anew counts from zero
  const rate = (counter: 'received' | 'multicast') =>
    Math.max(
      0,
      Math.round((now.counters[counter] - before.counters[counter]) / ((now.at - before.at) / 1000)),
    )
  const most = rate(isHosts ? 'multicast' : 'received')
  return { most, least: now.counters.promiscuous ? rate('multicast') : most }
}

/** The port that received most between two readings. */
function busiest(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string | null {
  let [port, most]: [string | null, number] = [null, -1]
  for (const [name, received] of now) {
    const grown = received - (before.get(name) ?? received)
    if (grown > most) [port, most] = [name, grown]
  }
  return port
}
