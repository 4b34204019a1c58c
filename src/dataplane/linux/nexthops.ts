import type { Hop } from '../model.ts'
import { missing, type Refusal } from '../refusal.ts'
import * as k from './constants.ts'
import { type RawNexthop, readNexthop } from './decode-nexthop.ts'
import * as encode from './encode-nexthop.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import { bucketsFor, membersKey, membersOf, type Nexthop, NexthopGroup, type Part } from './nexthop-group.ts'
import { dump, exhaust, type Requests } from './requests.ts'

/** A kernel's support for ECMP routes. */
export type Ability = 'resilient groups' | 'groups' | 'no groups'

export interface NexthopsDependencies {
  readonly requests: Requests
  readonly links: Links
  readonly resilience: encode.Resilience
  /** Undefined: as the kernel supports. */
  readonly ability: Ability | undefined
}

/**
 * The owned nexthops and groups in the kernel: those with an id of our range and our protocol. An id of that range that
 * another program has is passed over.
 */
export class Nexthops {
  private readonly requests: Requests
  private readonly links: Links
  private readonly resilience: encode.Resilience
  private knownAbility: Ability | undefined
  private readonly ids = new Map<number, Nexthop>()
  private readonly byHop = new Map<string, Nexthop>()
  private readonly groupIds = new Map<number, NexthopGroup>()
  private readonly groupKeys = new Map<string, NexthopGroup>()
  private lastId = k.FIRST_NEXTHOP - 1
  /** Whether the kernel may have dropped some without a notification. */
  private isDoubtful = true

  constructor({ requests, links, resilience, ability }: NexthopsDependencies) {
    this.requests = requests
    this.links = links
    this.resilience = resilience
    this.knownAbility = ability
  }

  get ability(): Ability {
    this.knownAbility ??= this.probe()
    return this.knownAbility
  }

  get groups(): Iterable<NexthopGroup> {
    return this.groupIds.values()
  }

  get all(): Iterable<Nexthop> {
    return this.ids.values()
  }

  groupOf(id: number): NexthopGroup | undefined {
    this.refresh()
    return this.groupIds.get(id)
  }

  /** A group that has exactly these parts. */
  groupWith(key: string): NexthopGroup | undefined {
    const group = this.groupKeys.get(key)
    return group?.key === key && !group.isGone ? group : undefined
  }

  hopsOf(id: number): readonly Hop[] {
    return this.groupOf(id)?.hops ?? []
  }

  /** The interface went down or was removed, or notifications were lost; undefined stands for any. */
  doubt(device?: string): void {
    this.isDoubtful ||= device === undefined
    for (const { hop } of this.ids.values()) this.isDoubtful ||= hop.device === device
  }

  /** Dumps the kernel's state, if it may have changed unnoticed. */
  refresh(): void {
    if (!this.isDoubtful) return
    const found = new Map<number, RawNexthop>()
    const visit = (message: NetlinkMessage) => {
      const raw = readNexthop(message)
      if (isOwnedNexthop(raw)) found.set(raw.id, raw)
    }
    const nothing = [k.EOPNOTSUPP]
    exhaust(dump({ type: k.RTM_GETNEXTHOP, write: encode.dumpNexthops, visit, nothing }))
    this.isDoubtful = false
    for (const nexthop of this.ids.values())
      if (!isStill(nexthop, found.get(nexthop.id))) this.forget(nexthop)
    for (const raw of found.values()) if (raw.members === null && !this.ids.has(raw.id)) this.learn(raw)
    for (const group of this.groupIds.values()) this.compare(group, found.get(group.id))
    for (const raw of found.values()) {
      if (raw.members === null || this.groupIds.has(raw.id)) continue
      const parts = this.partsOf(raw.members)
      if (parts !== undefined) this.keep(new NexthopGroup(raw.id, { ...raw, isKnown: false }), parts)
    }
  }

  /** Takes in a notification; returns the groups whose hops another program changed. */
  handle(message: NetlinkMessage): NexthopGroup[] {
    if (message.port === this.requests.port) return []
    const raw = readNexthop(message)
    const group = this.groupIds.get(raw.id)
    const nexthop = this.ids.get(raw.id)
    const present = message.type === k.RTM_NEWNEXTHOP
    if (group !== undefined) {
      if (present && isOwnedNexthop(raw) && raw.members !== null && membersKey(raw.members) === group.key)
        return []
      this.isDoubtful = true
      return [group]
    }
    if (nexthop === undefined || (present && isStill(nexthop, raw))) return []
    this.isDoubtful = true
    return [...this.groupIds.values()].filter(({ parts }) => parts.some((part) => part.nexthop === nexthop))
  }

  /** The nexthop of a hop, created where there is none; else why it cannot be. */
  ensure(hop: encode.UnweightedHop, family: number): Nexthop | Refusal {
    const link = this.links.lookUp(hop.device)
    if (link === undefined) return missing(hop.device)
    const known = this.byHop.get(hopKey(hop, link.index, family))
    if (known !== undefined) return known
    const id = this.claim((free) => encode.createNexthop(this.requests, free, hop, link.index, family))
    if (typeof id !== 'number') return id
    const { device, via, labels } = hop
    return this.add({ id, hop: { device, via, labels }, index: link.index, family, groups: 0 })
  }

  /** Creates an unused group of these parts. */
  create(parts: readonly Part[], buckets = bucketsFor(parts)): NexthopGroup | Refusal {
    const isResilient = this.ability === 'resilient groups'
    const resilience = isResilient ? { ...this.resilience, buckets } : null
    const id = this.claim((free) => encode.createGroup(this.requests, free, membersOf(parts), resilience))
    return typeof id === 'number'
      ? this.keep(new NexthopGroup(id, { isResilient, buckets, isKnown: true }), parts)
      : id
  }

  /** Gives a group other parts; returns why that was not possible, if it was not. */
  replace(group: NexthopGroup, parts: readonly Part[]): Refusal | undefined {
    encode.replaceGroup(this.requests, group.id, membersOf(parts), group.isResilient)
    const refusal = this.requests.send().get(0)
    if (refusal === undefined) this.become(group, parts)
    return refusal
  }

  /** Whether the kernel has the group as recorded; a group that another program changed must not be lost. */
  isIntact(group: NexthopGroup): boolean {
    const raw = this.get(group.id)
    const isSame = raw?.members != null && isOwnedNexthop(raw) && membersKey(raw.members) === group.key
    if (!isSame) this.isDoubtful = true
    return isSame
  }

  /** Deletes a group, with all routes that use it, and the nexthops that no other group has. */
  delete(group: NexthopGroup): void {
    if (this.isIntact(group)) this.send(group.id)
    const { parts } = group
    this.drop(group)
    for (const { nexthop } of parts) this.deleteUnused(nexthop)
  }

  /** Deletes a nexthop that no group has. */
  deleteUnused(nexthop: Nexthop): void {
    if (nexthop.groups > 0 || this.ids.get(nexthop.id) !== nexthop) return
    const raw = this.get(nexthop.id)
    if (raw !== undefined && isStill(nexthop, raw)) this.send(nexthop.id)
    this.forget(nexthop)
  }

  /** Deletes the owned object of this id; returns why that was refused, if it was. */
  deleteId(id: number): Refusal | null {
    const raw = this.get(id)
    if (raw === undefined || !isOwnedNexthop(raw)) return null
    return this.send(id) ?? null
  }

  private send(id: number): Refusal | undefined {
    encode.deleteNexthop(this.requests, id)
    return this.requests.send().get(0)
  }

  private get(id: number): RawNexthop | undefined {
    let raw: RawNexthop | undefined
    encode.getNexthop(this.requests, id)
    this.requests.send((message) => {
      raw = readNexthop(message)
    })
    return raw
  }

  /** Creates an object under the next free id. */
  private claim(write: (id: number) => void): number | Refusal {
    for (let tries = 0; ; tries++) {
      do this.lastId = k.FIRST_NEXTHOP + ((this.lastId + 1 - k.FIRST_NEXTHOP) % k.NEXTHOPS)
      while (this.ids.has(this.lastId) || this.groupIds.has(this.lastId))
      write(this.lastId)
      const refusal = this.requests.send().get(0)
      if (refusal === undefined) return this.lastId
      if (refusal.errno !== k.EEXIST || tries === k.NEXTHOPS) return refusal
    }
  }

  private probe(): Ability {
    const nexthop = this.claim((id) => encode.createBlackhole(this.requests, id))
    if (typeof nexthop !== 'number') return 'no groups'
    const member = { id: nexthop, weight: 1 }
    const resilience = { ...this.resilience, buckets: 1 }
    const group = this.claim((id) => encode.createGroup(this.requests, id, [member], resilience))
    // a group without its only nexthop is removed
    this.send(nexthop)
    return typeof group === 'number' ? 'resilient groups' : 'groups'
  }

  private compare(group: NexthopGroup, raw: RawNexthop | undefined): void {
    const parts = raw?.members == null ? undefined : this.partsOf(raw.members)
    if (parts === undefined) this.drop(group)
    else if (membersKey(membersOf(parts)) !== group.key) this.become(group, parts)
  }

  private partsOf(members: readonly encode.Member[]): Part[] | undefined {
    const parts: Part[] = []
    for (const { id, weight } of members) {
      const nexthop = this.ids.get(id)
      if (nexthop === undefined) return undefined
      parts.push({ nexthop, weight })
    }
    return parts
  }

  private learn({ id, hop, index, family }: RawNexthop): void {
    const device = this.links.nameOf(index)
    if (device !== undefined) this.add({ id, hop: { device, ...hop }, index, family, groups: 0 })
  }

  private add(nexthop: Nexthop): Nexthop {
    this.ids.set(nexthop.id, nexthop)
    this.byHop.set(hopKey(nexthop.hop, nexthop.index, nexthop.family), nexthop)
    return nexthop
  }

  private forget(nexthop: Nexthop): void {
    const key = hopKey(nexthop.hop, nexthop.index, nexthop.family)
    this.ids.delete(nexthop.id)
    if (this.byHop.get(key) === nexthop) this.byHop.delete(key)
  }

  private keep(group: NexthopGroup, parts: readonly Part[]): NexthopGroup {
    this.groupIds.set(group.id, group)
    this.become(group, parts)
    return group
  }

  private become(group: NexthopGroup, parts: readonly Part[]): void {
    if (this.groupKeys.get(group.key) === group) this.groupKeys.delete(group.key)
    group.become(parts)
    if (this.groupWith(group.key) === undefined) this.groupKeys.set(group.key, group)
  }

  private drop(group: NexthopGroup): void {
    if (this.groupKeys.get(group.key) === group) this.groupKeys.delete(group.key)
    this.groupIds.delete(group.id)
    group.vanish()
  }
}

function isOwnedNexthop({ id, protocol }: RawNexthop): boolean {
  return protocol === k.PROTOCOL && id >= k.FIRST_NEXTHOP && id < k.FIRST_NEXTHOP + k.NEXTHOPS
}

/** Whether a nexthop is unchanged. */
function isStill(nexthop: Nexthop, raw: RawNexthop | undefined): boolean {
  if (raw === undefined || raw.members !== null || !isOwnedNexthop(raw)) return false
  const { hop, index, family } = nexthop
  return hopKey(hop, index, family) === hopKey(raw.hop, raw.index, raw.family)
}

/** IPv4 routes may use IPv6 neighbours, so the family of the neighbour counts where there is one. */
function hopKey(
  { via, labels }: Omit<encode.UnweightedHop, 'device'>,
  index: number,
  family: number,
): string {
  return `${index} ${via ?? family} ${labels.join('/')}`
}
