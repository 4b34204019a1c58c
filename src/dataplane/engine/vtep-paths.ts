import type { Clock } from '../../clock.ts'
import { formatIp, type Ip } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import type { Driver } from '../driver.ts'
import { type AskingSteps, answerTo, type Eventual, takeSteps, whenAnswered } from '../eventual.ts'
import { linkDefinition, type TableEntry, tableDefinition } from '../kinds/index.ts'
import type { Device } from './device.ts'
import { orUnknown, UNKNOWN } from './lost-answers.ts'

/** A lookup takes some 10 µs: for a thousand VTEPs a minute that is nothing. */
const INTERVAL_MS = 60_000
/** Entries read before other work gets its turn. */
const ENTRIES_A_TURN = 1000
/** Addresses looked up before other work gets its turn. */
const LOOKUPS_A_TURN = 128

/** VTEPs, each with an entry that sends to it. */
type Vteps = Map<Ip, TableEntry>

/** VTEPs of one local address, as many as are looked up at once. */
interface Lookup {
  readonly local: Ip
  readonly vteps: Vteps
}

/** Finds VTEPs of owned devices to which this node has no path: the kernel drops what is sent to them, and reports nothing. */
export class VtepPaths {
  private readonly clock: Clock
  private readonly driver: Pick<Driver, 'withoutPath'>
  private readonly devices: ReadonlyMap<string, Device>
  /** Those without a path when they were last looked up. */
  private lost: readonly Lookup[] = []
  private running = false
  private cancel = () => {}

  constructor(clock: Clock, driver: Pick<Driver, 'withoutPath'>, devices: ReadonlyMap<string, Device>) {
    this.clock = clock
    this.driver = driver
    this.devices = devices
  }

  start(): void {
    this.running = true
    this.cancel = this.clock.after(INTERVAL_MS, () => this.search())
  }

  stop(): void {
    this.running = false
    this.cancel()
  }

  /** Those found that still have no path, a sentence for each local address. */
  gaps(): Eventual<string[]> {
    return takeSteps(this.gapSteps())
  }

  private *gapSteps(): AskingSteps<string[]> {
    const reasons = new Map<Ip, [Ip, string][]>()
    for (const { local, vteps } of this.lost) {
      const wanted = [...vteps].flatMap(([vtep, entry]) => (this.wants(entry) ? [vtep] : []))
      ensure(reasons, local, () => []).push(...(yield* answerTo(this.driver.withoutPath(wanted, local))))
    }
    return [...reasons].flatMap(([local, [first, ...others]]) =>
      first === undefined ? [] : gap(local, first, others.length),
    )
  }

  private wants(entry: TableEntry): boolean {
    return this.devices.get(entry.device)?.tables.get(entry.kind)?.wants(entry) ?? false
  }

  private search(): void {
    const found = new Map<Ip, Vteps>()
    const walk = this.gather(found)
    const turn = (): void => {
      if (!this.running) return
      if (!walk.next().done) return this.clock.soon(turn)
      this.lookUp(
        [...found].flatMap(([local, vteps]) => inParts({ local, vteps })),
        [],
      )
    }
    turn()
  }

  /** Reads the VTEPs, some entries a step. */
  private *gather(found: Map<Ip, Vteps>): Generator<undefined, void> {
    let read = 0
    for (const { link, tables } of [...this.devices.values()]) {
      const local = link === null ? undefined : linkDefinition(link.kind).localOf?.(link)
      if (local === undefined) continue
      const vteps = ensure(found, local, () => new Map<Ip, TableEntry>())
      for (const [kind, table] of tables) {
        const { vtepOf } = tableDefinition(kind)
        if (vtepOf === undefined) continue
        for (const entry of table.entries()) {
          vteps.set(vtepOf(entry), entry)
          if (++read % ENTRIES_A_TURN === 0) yield
        }
      }
    }
  }

  private lookUp(parts: Lookup[], lost: Lookup[]): void {
    if (!this.running) return
    const part = parts.pop()
    if (part === undefined) {
      this.lost = lost
      return this.start()
    }
    const { local, vteps } = part
    void whenAnswered(orUnknown(this.driver.withoutPath([...vteps.keys()], local)), (reasons) => {
      if (reasons !== UNKNOWN && reasons.size > 0)
        lost.push({ local, vteps: new Map([...vteps].filter(([vtep]) => reasons.has(vtep))) })
      this.clock.soon(() => this.lookUp(parts, lost))
    })
  }
}

function inParts({ local, vteps }: Lookup): Lookup[] {
  const all = [...vteps]
  const parts: Lookup[] = []
  while (all.length > 0) parts.push({ local, vteps: new Map(all.splice(0, LOOKUPS_A_TURN)) })
  return parts
}

function gap(local: Ip, [ip, reason]: [Ip, string], more: number): string {
  const vtep = formatIp(ip)
  const others = more === 0 ? '' : ` and ${more} more`
  return `VTEPs that packets of this node do not reach: ${vtep} (${reason})${others}: mend the routes (ip route get ${vtep} from ${formatIp(local)})`
}
