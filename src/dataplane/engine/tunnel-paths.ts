import type { Clock } from '../../clock.ts'
import { formatIp, type Ip } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import type { Driver } from '../driver.ts'
import { type AskingSteps, answerTo, type Eventual, takeSteps, whenAnswered } from '../eventual.ts'
import {
  isLinkEntry,
  type LinkEntry,
  linkDefinition,
  type TableEntry,
  tableDefinition,
} from '../kinds/index.ts'
import type { Device } from './device.ts'
import { orUnknown, UNKNOWN } from './lost-answers.ts'
import { Rounds } from './rounds.ts'

/** A lookup takes some 10 µs: for a thousand VTEPs a minute that is nothing. */
const INTERVAL_MS = 60_000
/** Entries read before other work gets its turn. */
const ENTRIES_A_TURN = 1000
/** Addresses looked up before other work gets its turn. */
const LOOKUPS_A_TURN = 128

/** Ends of tunnels from one local address. */
interface RemoteEnds {
  readonly what: 'VTEPs' | 'provider edges'
  readonly local: Ip
  /** Each with an entry that sends to it. */
  readonly remotes: Map<Ip, TableEntry | LinkEntry>
}

/** Finds VTEPs and provider edges of owned devices to which this node has no path: the kernel drops what is sent to them, and reports nothing. */
export class TunnelPaths {
  private readonly clock: Clock
  private readonly driver: Pick<Driver, 'withoutPath'>
  private readonly devices: ReadonlyMap<string, Device>
  readonly rounds: Rounds
  /** Those without a path when they were last looked up. */
  private lost: readonly RemoteEnds[] = []

  constructor(clock: Clock, driver: Pick<Driver, 'withoutPath'>, devices: ReadonlyMap<string, Device>) {
    this.clock = clock
    this.driver = driver
    this.devices = devices
    this.rounds = new Rounds(clock, INTERVAL_MS, (done) => this.search(done))
  }

  /** Those found that still have no path, a sentence for those of each local address. */
  gaps(): Eventual<string[]> {
    return takeSteps(this.gapSteps())
  }

  private *gapSteps(): AskingSteps<string[]> {
    const reasons = new Map<string, [RemoteEnds, [Ip, string][]]>()
    for (const ends of this.lost) {
      const wanted = [...ends.remotes].flatMap(([remote, entry]) => (this.wants(entry) ? [remote] : []))
      const [, found] = ensure(reasons, keyOf(ends), () => [ends, []])
      found.push(...(yield* answerTo(this.driver.withoutPath(wanted, ends.local))))
    }
    return [...reasons.values()].flatMap(([ends, [first, ...others]]) =>
      first === undefined ? [] : gap(ends, first, others.length),
    )
  }

  private wants(entry: TableEntry | LinkEntry): boolean {
    const device = this.devices.get(entry.device)
    return isLinkEntry(entry)
      ? device?.link === entry
      : (device?.tables.get(entry.kind)?.wants(entry) ?? false)
  }

  private search(done: () => void): void {
    const found = new Map<string, RemoteEnds>()
    const walk = this.gather(found)
    const turn = (): void => {
      if (!this.rounds.isRunning) return
      if (!walk.next().done) return this.clock.soon(turn)
      this.lookUp([...found.values()].flatMap(inParts), [], done)
    }
    turn()
  }

  /** Reads the ends of tunnels, some entries a step. */
  private *gather(found: Map<string, RemoteEnds>): Generator<undefined, void> {
    let read = 0
    for (const { link, tables } of [...this.devices.values()]) {
      const ends = link === null ? null : endsOf(link)
      if (ends === null) continue
      const { remotes } = ensure(found, keyOf(ends), () => ends)
      for (const [remote, entry] of ends.remotes) remotes.set(remote, entry)
      for (const [kind, table] of tables) {
        const { vtepOf } = tableDefinition(kind)
        if (vtepOf === undefined) continue
        for (const entry of table.entries()) {
          remotes.set(vtepOf(entry), entry)
          if (++read % ENTRIES_A_TURN === 0) yield
        }
      }
    }
  }

  private lookUp(parts: RemoteEnds[], lost: RemoteEnds[], done: () => void): void {
    if (!this.rounds.isRunning) return
    const part = parts.pop()
    if (part === undefined) {
      this.lost = lost
      return done()
    }
    const { local, remotes } = part
    void whenAnswered(orUnknown(this.driver.withoutPath([...remotes.keys()], local)), (reasons) => {
      if (reasons !== UNKNOWN && reasons.size > 0)
        lost.push({ ...part, remotes: new Map([...remotes].filter(([remote]) => reasons.has(remote))) })
      this.clock.soon(() => this.lookUp(parts, lost, done))
    })
  }
}

/** The other end of a device with one, or none yet of one that has VTEPs; null for another device. */
function endsOf(link: LinkEntry): RemoteEnds | null {
  const { localOf, remoteOf } = linkDefinition(link.kind)
  const local = localOf?.(link)
  if (local === undefined) return null
  const remote = remoteOf?.(link) ?? null
  const remotes = new Map(remote === null ? [] : [[remote, link]])
  return { what: remoteOf === undefined ? 'VTEPs' : 'provider edges', local, remotes }
}

function keyOf({ what, local }: RemoteEnds): string {
  return `${what} ${local}`
}

/** As many as are looked up at once. */
function inParts(ends: RemoteEnds): RemoteEnds[] {
  const all = [...ends.remotes]
  const parts: RemoteEnds[] = []
  while (all.length > 0) parts.push({ ...ends, remotes: new Map(all.splice(0, LOOKUPS_A_TURN)) })
  return parts
}

function gap({ what, local }: RemoteEnds, [ip, reason]: [Ip, string], more: number): string {
  const remote = formatIp(ip)
  const others = more === 0 ? '' : ` and ${more} more`
  return `${what} that packets of this node do not reach: ${remote} (${reason})${others}: mend the routes (ip route get ${remote} from ${formatIp(local)})`
}
