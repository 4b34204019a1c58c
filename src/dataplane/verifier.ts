import type { Clock } from '../clock.ts'
import type { AnyTable, Device } from './device.ts'
import type { Devices } from './devices.ts'
import { isPlaced, linkStep } from './diff.ts'
import type { Driver, Link } from './driver.ts'
import type { PortEntry } from './layout.ts'
import { type Entry, type Fault, type Interface, identity, type Verification } from './model.ts'
import { Observation } from './observation.ts'
import type { Statuses } from './statuses.ts'

/** So many faults are told one by one; the rest are counted. */
const MAX_FAULTS = 1000

export interface VerifierParts {
  readonly clock: Clock
  readonly driver: Driver
  readonly devices: Devices
  readonly statuses: Statuses
  readonly orphans: () => readonly Interface[]
}

type Tally = { -readonly [P in keyof Verification]: Verification[P] } & {
  faults: Fault[]
  unreadable: { device: string; reason: string }[]
}

/**
 * Compares the kernel with what it is taken to hold, by dumps of one device after the other, a datagram a turn. Where it
 * finds a fault it looks twice, since what is wanted goes on changing meanwhile; then it has the device put right.
 */
export class Verifier {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly devices: Devices
  private readonly statuses: Statuses
  private readonly orphans: () => readonly Interface[]
  private running: Promise<Verification> | null = null

  constructor({ clock, driver, devices, statuses, orphans }: VerifierParts) {
    this.clock = clock
    this.driver = driver
    this.devices = devices
    this.statuses = statuses
    this.orphans = orphans
  }

  /** Whoever asks while a comparison is under way is answered by that one. */
  verify(): Promise<Verification> {
    this.running ??= this.run().finally(() => {
      this.running = null
    })
    return this.running
  }

  private run(): Promise<Verification> {
    const steps = this.steps()
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          const { done, value } = steps.next()
          if (done) resolve(value)
          else this.clock.soon(turn)
        } catch (error) {
          reject(error)
        }
      }
      turn()
    })
  }

  private *steps(): Generator<undefined, Verification> {
    const tally: Tally = {
      devices: 0,
      entries: 0,
      missing: 0,
      different: 0,
      extra: 0,
      faults: [],
      orphans: [],
      unreadable: [],
    }
    for (const device of [...this.devices.all.values()]) {
      if (device.index === null && device.link === null && device.port === null) continue
      try {
        yield* this.verifyDevice(device, tally)
      } catch (error) {
        tally.unreadable.push({ device: device.name, reason: (error as Error).message })
      }
    }
    tally.orphans = this.orphans()
    return tally
  }

  private *verifyDevice(device: Device, tally: Tally): Generator<undefined, void> {
    const first = new Map<string, Fault>()
    for (const fault of yield* this.look(device)) first.set(identity(fault.entry), fault)
    const certain =
      first.size === 0
        ? []
        : (yield* this.look(device)).filter(({ entry, fault }) => first.get(identity(entry))?.fault === fault)
    tally.devices++
    tally.entries += device.size
    for (const fault of certain) {
      tally[fault.fault]++
      if (tally.faults.length < MAX_FAULTS) tally.faults.push(fault)
    }
    if (certain.length > 0) this.devices.suspect(device)
    yield
  }

  /** The faults of a device at this moment, those left out that are known to be under way. */
  private *look(device: Device): Generator<undefined, Fault[]> {
    const link = this.driver.link(device.name)
    const faults = [...placeFaults(device, link)].filter(({ entry }) => this.isBelieved(entry))
    if (link === undefined || device.index === null) return faults
    const observation = new Observation(device, link, this.driver.observe(device.name))
    while (!observation.step()) yield
    for (const [table, entries] of observation.result()) {
      const waiting = table.pending()
      for (const fault of table.faults(entries)) {
        if (fault === undefined) {
          yield
          continue
        }
        const { entry } = fault
        const isKnown = fault.fault === 'extra' ? this.statuses.unremoved(entry) : !this.isBelieved(entry)
        if (!isKnown && !isWaiting(waiting, fault)) faults.push(fault)
      }
      yield
    }
    return faults
  }

  private isBelieved(entry: Entry): boolean {
    return this.statuses.tried(entry).state === 'applied'
  }
}

function isWaiting(waiting: ReturnType<AnyTable['pending']>, { fault, entry }: Fault): boolean {
  return fault !== 'extra' && waiting.size > 0 && waiting.has(entry as Parameters<typeof waiting.has>[0])
}

/** Links and ports that are not as wanted. */
function* placeFaults({ link: wanted, port }: Device, link: Link | undefined): Generator<Fault, void> {
  const fault = link === undefined ? 'missing' : 'different'
  if (wanted !== null && linkStep(wanted, link).do !== 'nothing') yield { fault, entry: wanted, found: null }
  if (port === null || (link !== undefined && isPlaced(port, link))) return
  yield { fault, entry: port, found: link === undefined ? null : placeOf(link) }
}

function placeOf({ name: device, master, routing, learning, neighSuppress }: Link): PortEntry | null {
  if (master === null) return null
  if (routing !== null) return { kind: 'vrf-port', device, vrf: master }
  return { kind: 'port', device, bridge: master, given: false, learning, neighSuppress }
}
