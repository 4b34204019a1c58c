import { keyOf } from '../nlri/codec.ts'
import {
  FULL_LENGTH,
  type Membership,
  membershipCovers,
  routeTargetMembership,
  WILDCARD,
} from '../nlri/route-target.ts'
import type { RouteTarget } from '../values/extended-community.ts'

const DEFAULT_KEY = keyOf(routeTargetMembership, WILDCARD)

/** The route-target memberships of a peer (RFC 4684 §5); the same target from several origins counts once. */
export class Interest {
  private readonly memberships = new Map<string, Membership>()
  /** Number of full-length memberships by target. */
  private readonly exact = new Map<RouteTarget, number>()
  /** Shorter ones, including the wildcard. */
  private readonly prefixes = new Map<string, Membership>()

  /** Whether the change may cover more routes. */
  add(membership: Membership): boolean {
    const key = keyOf(routeTargetMembership, membership)
    if (this.memberships.has(key)) return false
    this.memberships.set(key, membership)
    if (membership.length === FULL_LENGTH) {
      const target = targetOf(membership)
      this.exact.set(target, (this.exact.get(target) ?? 0) + 1)
    } else this.prefixes.set(key, membership)
    return true
  }

  remove(membership: Membership): boolean {
    const key = keyOf(routeTargetMembership, membership)
    if (!this.memberships.delete(key)) return false
    if (this.prefixes.delete(key)) return true
    const target = targetOf(membership)
    const count = this.exact.get(target)! - 1
    if (count === 0) this.exact.delete(target)
    else this.exact.set(target, count)
    return true
  }

  clear(): void {
    this.memberships.clear()
    this.exact.clear()
    this.prefixes.clear()
  }

  /** Whether the memberships cover a route with these targets; the default route target covers one without any. */
  covers(targets: readonly RouteTarget[]): boolean {
    if (this.prefixes.has(DEFAULT_KEY)) return true
    for (const target of targets) {
      if (this.exact.has(target)) return true
      for (const membership of this.prefixes.values()) if (membershipCovers(membership, target)) return true
    }
    return false
  }
}

/** The one target of a full-length membership; undefined for a shorter one. */
export function exactTarget(membership: Membership): RouteTarget | undefined {
  return membership.length === FULL_LENGTH ? targetOf(membership) : undefined
}

function targetOf({ octets }: Membership): RouteTarget {
  return octets.slice(4) as RouteTarget
}
