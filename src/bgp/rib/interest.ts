import { ensure } from '../../values/map.ts'
import { keyOf } from '../nlri/codec.ts'
import { maskPrefix } from '../nlri/prefix.ts'
import { FULL_LENGTH, type Membership, routeTargetMembership, targetBits } from '../nlri/route-target.ts'
import type { RouteTarget } from '../values/extended-community.ts'

/** How many memberships have the same bits of a target. */
type CountByBits = Map<string, number>

/** The route-target memberships of a peer (RFC 4684 §5); the same target from several origins counts once. */
export class Interest {
  private readonly memberships = new Set<string>()
  /** By the number of bits, so that a look-up costs the same however many a peer has. */
  private readonly targets = new Map<number, CountByBits>()
  /** It has the default route target. */
  private hasAll = false

  /** Whether the change may cover more routes. */
  add(membership: Membership): boolean {
    const key = keyOf(routeTargetMembership, membership)
    if (this.memberships.has(key)) return false
    this.memberships.add(key)
    if (membership.length === 0) this.hasAll = true
    else {
      const counts: CountByBits = ensure(this.targets, targetBits(membership), () => new Map())
      const target = targetOf(membership)
      counts.set(target, (counts.get(target) ?? 0) + 1)
    }
    return true
  }

  remove(membership: Membership): boolean {
    if (!this.memberships.delete(keyOf(routeTargetMembership, membership))) return false
    if (membership.length === 0) this.hasAll = false
    else {
      const bits = targetBits(membership)
      const counts = this.targets.get(bits)!
      const target = targetOf(membership)
      const count = counts.get(target)! - 1
      if (count > 0) counts.set(target, count)
      else if (counts.size > 1) counts.delete(target)
      else this.targets.delete(bits)
    }
    return true
  }

  clear(): void {
    this.memberships.clear()
    this.targets.clear()
    this.hasAll = false
  }

  /** Whether the memberships cover a route with these targets; the default route target covers one without any. */
  covers(targets: readonly RouteTarget[]): boolean {
    if (this.hasAll) return true
    for (const target of targets) {
      for (const [bits, counts] of this.targets) if (counts.has(maskPrefix(target, bits))) return true
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
