import type { Hop } from '../model.ts'
import type { Member, UnweightedHop } from './encode-nexthop.ts'

/** An owned nexthop object: groups with the same hop share it. */
export interface Nexthop {
  readonly id: number
  readonly hop: UnweightedHop
  /** Index of its interface. */
  readonly index: number
  readonly family: number
  /** How many groups have it. */
  groups: number
}

/** A hop of a group and its weight. */
export interface Part {
  readonly nexthop: Nexthop
  readonly weight: number
}

const FEWEST_BUCKETS = 128
const MOST_BUCKETS = 4096
/** Buckets that a hop of weight 1 gets in a new group, where there is room, and those that it needs for a roughly correct share. */
const BUCKETS_A_SHARE = 16
const NEEDED_A_SHARE = 4
/** Changes that a group remembers. */
const HISTORY = 8

/** An owned group: the hops of all routes that have the same. */
export class NexthopGroup {
  readonly id: number
  readonly isResilient: boolean
  /** Of a resilient group: the number of buckets, over which flows are spread by their hash. It never changes. */
  readonly buckets: number
  /** Routes that are known to use it. */
  users = 0
  /** Whether certainly no other routes use it: for groups of an earlier process only after a dump of all routes. */
  isKnown: boolean
  /** Whether the kernel no longer has it. */
  isGone = false
  /** Its earlier parts, the oldest first: with them another group can be created with the same flows at the same hops. */
  readonly history: (readonly Part[])[] = []
  /** Groups created from it, by their members. */
  readonly successors = new Map<string, NexthopGroup>()
  private current: readonly Part[] = []
  private currentHops: readonly Hop[] = []
  private currentKey = ''

  constructor(id: number, traits: { isResilient: boolean; buckets: number; isKnown: boolean }) {
    this.id = id
    this.isResilient = traits.isResilient
    this.buckets = traits.buckets
    this.isKnown = traits.isKnown
  }

  get parts(): readonly Part[] {
    return this.current
  }

  get hops(): readonly Hop[] {
    return this.currentHops
  }

  /** Equal for groups with the same members. */
  get key(): string {
    return this.currentKey
  }

  /** Records other parts, which the kernel has accepted. */
  become(parts: readonly Part[]): void {
    if (this.current.length > 0) this.history.push(this.current)
    if (this.history.length > HISTORY) this.history.shift()
    for (const { nexthop } of this.current) nexthop.groups--
    for (const { nexthop } of parts) nexthop.groups++
    this.current = parts
    this.currentHops = parts.map(({ nexthop, weight }) => ({ ...nexthop.hop, weight }))
    this.currentKey = membersKey(membersOf(parts))
  }

  /** Records that the kernel no longer has it. */
  vanish(): void {
    for (const { nexthop } of this.current) nexthop.groups--
    this.current = []
    this.isGone = true
  }

  /** Whether it has enough buckets for these parts. */
  hasRoomFor(parts: readonly Part[]): boolean {
    return !this.isResilient || this.buckets >= Math.min(MOST_BUCKETS, NEEDED_A_SHARE * sharesOf(parts))
  }
}

export function membersOf(parts: readonly Part[]): Member[] {
  return parts.map(({ nexthop: { id }, weight }) => ({ id, weight }))
}

export function membersKey(members: readonly Member[]): string {
  return members.map(({ id, weight }) => `${id}*${weight}`).join(' ')
}

/** How many buckets a new group gets. */
export function bucketsFor(parts: readonly Part[]): number {
  const buckets = 2 ** Math.ceil(Math.log2(BUCKETS_A_SHARE * sharesOf(parts)))
  return Math.min(MOST_BUCKETS, Math.max(FEWEST_BUCKETS, buckets))
}

function sharesOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { weight }) => sum + weight, 0)
}
