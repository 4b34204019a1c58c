import type { Clock } from '../../clock.ts'
import type { Closable } from '../../values/closable.ts'
import type { Driver, Link } from '../driver.ts'
import { answerTo, type Eventual, whenAnswered } from '../eventual.ts'
import { identity, observedPort } from '../kinds/index.ts'
import { isPlaced } from '../kinds/link-step.ts'
import type { Comparison, Entry, Fault, Interface, Verification } from '../model.ts'
import type { AnyTable, Device } from './device.ts'
import { DeviceDump } from './device-dump.ts'
import type { Devices } from './devices.ts'
import type { Drift } from './drift.ts'
import { isAsWanted } from './placement.ts'
import type { Statuses } from './statuses.ts'

/** Faults reported one by one; further ones are counted. */
const MAX_FAULTS = 1000
/** The pause after each step of a gentle comparison, in multiples of the step's duration: the comparison takes a twentieth of a CPU. */
const REST = 19

export interface VerifierDependencies {
  readonly clock: Clock
  readonly driver: Driver
  readonly devices: Devices
  readonly statuses: Statuses
  readonly drift: Drift
}

/** Undefined: something else may have its turn; a promise: go on with its result. */
type VerificationSteps<R = void> = Generator<Promise<unknown> | undefined, R, unknown>

type Tally = { -readonly [P in keyof Verification]: Verification[P] } & {
  faults: Fault[]
  unreadable: { device: string; reason: string }[]
}

/**
 * Compares the kernel with its recorded state, by dumps of one device after the other, a datagram a turn. It checks each
 * fault twice, since the desired state may change meanwhile; then it has the device repaired.
 */
export class Verifier implements Closable {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly devices: Devices
  private readonly statuses: Statuses
  private readonly drift: Drift
  /** The last complete one. */
  last: Comparison | null = null
  private running: Promise<Verification> | null = null
  /** Whether the present one pauses between its steps. */
  private gentle = false
  /** Ends the pauses of a gentle one. */
  private hurry: (() => void) | null = null
  private abandon: (() => void) | null = null

  constructor({ clock, driver, devices, statuses, drift }: VerifierDependencies) {
    this.clock = clock
    this.driver = driver
    this.devices = devices
    this.statuses = statuses
    this.drift = drift
  }

  /** Callers that arrive during a comparison get the result of that one, which pauses no more from then on. */
  verify(): Promise<Verification> {
    this.gentle = false
    this.hurry?.()
    return this.begin()
  }

  /** As `verify`, with pauses between the steps: a dump of a large table takes seconds of a CPU. */
  verifyGently(): Promise<Verification> {
    this.gentle = this.running === null
    return this.begin()
  }

  /** Unwanted links with our mark; they are never deleted automatically. */
  orphans(): Eventual<readonly Interface[]> {
    return whenAnswered(this.driver.ownedLinks(), (links) => links.filter((link) => this.isOrphan(link)))
  }

  /** Pending callers of a comparison get no answer after this. */
  close(): void {
    this.abandon?.()
  }

  private begin(): Promise<Verification> {
    this.running ??= this.run().finally(() => {
      this.running = null
      this.abandon = null
    })
    return this.running
  }

  private run(): Promise<Verification> {
    const tally = emptyTally()
    const steps = this.steps(tally)
    let cancel = () => {}
    let isOver = false
    let lost: { readonly error: unknown } | null = null
    this.abandon = () => {
      isOver = true
      cancel()
      steps.return()
    }
    return new Promise((resolve, reject) => {
      const turn = (result?: unknown) => {
        this.hurry = null
        if (isOver) return
        const begun = this.clock.now()
        try {
          const { done, value: answer } = lost === null ? steps.next(result) : steps.throw(lost.error)
          lost = null
          if (done) {
            this.last = comparisonOf(tally, this.clock.epoch())
            return resolve(tally)
          }
          if (answer instanceof Promise)
            return void answer.then(turn, (error) => {
              lost = { error }
              turn()
            })
        } catch (error) {
          return reject(error)
        }
        if (!this.gentle) return this.clock.soon(turn)
        cancel = this.clock.after((this.clock.now() - begun) * REST, turn)
        this.hurry = () => {
          cancel()
          turn()
        }
      }
      turn()
    })
  }

  private *steps(tally: Tally): VerificationSteps {
    const orphans = yield* answerTo(this.orphans())
    for (const device of [...this.devices.all.values()]) {
      if (!this.devices.isCurrent(device)) continue
      try {
        const isAnother = yield* this.isAnother(device)
        if (device.index !== null || device.link !== null || device.port !== null)
          yield* this.verifyDevice(device, tally)
        if (isAnother) this.devices.suspect(device)
      } catch (error) {
        tally.unreadable.push({ device: device.name, reason: (error as Error).message })
      }
    }
    // those that were wanted or removed meanwhile are none
    tally.orphans = orphans.filter((link) => this.isOrphan(link))
    const { failed, pending } = this.statuses.counts()
    tally.failed = failed + this.statuses.unremovedCount()
    tally.pending = pending
    tally.stale = this.statuses.staleCount()
    tally.outdated = [...this.devices.all.values()].filter(isOutdated).map(({ name }) => name)
  }

  private *verifyDevice(device: Device, tally: Tally): VerificationSteps {
    const first = new Map<string, Fault>()
    for (const fault of yield* this.faultsOf(device)) first.set(identity(fault.entry), fault)
    const certain =
      first.size === 0
        ? []
        : (yield* this.faultsOf(device)).filter(
            ({ entry, fault }) => first.get(identity(entry))?.fault === fault,
          )
    if (!this.devices.isCurrent(device)) return
    tally.devices++
    tally.entries += device.size
    for (const fault of certain) {
      tally[fault.fault]++
      this.drift.found(fault.entry)
      if (tally.faults.length < MAX_FAULTS) tally.faults.push(fault)
    }
    if (certain.length > 0) this.devices.suspect(device)
    yield
  }

  /** The present faults of a device, except those that are being worked on. */
  private *faultsOf(device: Device): VerificationSteps<Fault[]> {
    const link = yield* answerTo(this.driver.link(device.name))
    const placeFaults = yield* this.placeFaults(device, link)
    const faults = placeFaults.filter(({ entry }) => this.isBelieved(entry))
    if (link === undefined || device.index === null) return faults
    const observation = new DeviceDump(device, this.driver.dump(device.name))
    for (;;) {
      const isOver = observation.step()
      if (isOver instanceof Promise) yield isOver
      if (observation.isComplete) break
      if (!(isOver instanceof Promise)) yield
    }
    observation.noteUnmanaged()
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

  /** Links and ports that are not as wanted. */
  private *placeFaults({ link: wanted, port }: Device, link: Link | undefined): VerificationSteps<Fault[]> {
    const isRight = wanted === null || (yield* answerTo(isAsWanted(wanted, link, this.driver)))
    const fault = link === undefined ? 'missing' : 'different'
    const faults: Fault[] = []
    if (wanted !== null && !isRight) faults.push({ fault, entry: wanted, found: null })
    if (port !== null && (link === undefined || !isPlaced(port, link)))
      faults.push({ fault, entry: port, found: link === undefined ? null : observedPort(link) })
    return faults
  }

  /** Whether its interface came, went or was replaced without a notification. */
  private *isAnother(device: Device): VerificationSteps<boolean> {
    const link = yield* answerTo(this.driver.link(device.name))
    return (link?.index ?? null) !== device.index && !this.devices.isUnplaced(device)
  }

  private isOrphan({ name }: Interface): boolean {
    const device = this.devices.all.get(name)
    return device === undefined || (device.link === null && device.leavingLink === null)
  }

  private isBelieved(entry: Entry): boolean {
    return this.statuses.tried(entry).state === 'programmed'
  }
}

function isOutdated({ link, outdated }: Device): boolean {
  return link !== null && outdated
}

function emptyTally(): Tally {
  return {
    devices: 0,
    entries: 0,
    missing: 0,
    different: 0,
    extra: 0,
    failed: 0,
    pending: 0,
    stale: 0,
    outdated: [],
    faults: [],
    orphans: [],
    unreadable: [],
  }
}

function comparisonOf({ entries, missing, different, extra }: Tally, at: number): Comparison {
  return { at, entries, faults: missing + different + extra }
}

function isWaiting(waiting: ReturnType<AnyTable['pending']>, { fault, entry }: Fault): boolean {
  return fault !== 'extra' && waiting.size > 0 && waiting.has(entry as Parameters<typeof waiting.has>[0])
}
