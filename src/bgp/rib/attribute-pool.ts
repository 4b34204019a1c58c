import type { Ip } from '../../values/address.ts'
import { assert } from '../../values/assert.ts'
import { Slots } from '../../values/slots.ts'
import type { Attributes } from '../attribute/attributes.ts'
import { encodeAttributes } from '../attribute/index.ts'
import { WellKnownCommunity } from '../constants.ts'
import { DEFAULT_CONTEXT } from '../context.ts'
import { isConstraintTarget, isRouteTarget, type RouteTarget } from '../values/extended-community.ts'
import { Writer } from '../wire/writer.ts'
import { charge, type Route, type Source } from './route.ts'

/** Attributes and next hop that many routes share: equal ones are the same object, so that `===` compares them. */
export class AttributeSet {
  readonly attributes: Attributes
  readonly nextHop: Ip | null
  readonly routeTargets: readonly RouteTarget[]
  /** The communities that memberships cover: the route targets, and those of Ethernet segments (RFC 7432 §7.6). */
  readonly constraintTargets: readonly RouteTarget[]
  readonly key: string
  /** Marked as long-lived stale by its sender (RFC 9494 §4.3). */
  readonly longLivedStale: boolean
  users = 0
  /** The best routes with it that were notified. */
  readonly best = new Slots<Route>()
  /** The source that its octets count for: the first that brought it. */
  payer: Source | null = null

  constructor(attributes: Attributes, nextHop: Ip | null, key: string) {
    this.attributes = attributes
    this.nextHop = nextHop
    this.constraintTargets = [...new Set(attributes.extendedCommunities?.filter(isConstraintTarget) ?? [])]
    const routeTargets = this.constraintTargets.filter((target) => isRouteTarget(target))
    const isAll = routeTargets.length === this.constraintTargets.length
    this.routeTargets = isAll ? this.constraintTargets : routeTargets
    this.key = key
    this.longLivedStale = attributes.communities?.includes(WellKnownCommunity.LongLivedStale) === true
  }
}

/** Keeps one `AttributeSet` for each set of attributes in use. */
export class AttributePool {
  private readonly sets = new Map<string, AttributeSet>()
  private readonly writer = new Writer(256)

  get size(): number {
    return this.sets.size
  }

  /** The set of these attributes; `wire` are their octets, `context` distinguishes equal octets of different meaning. */
  received(attributes: Attributes, nextHop: Ip | null, wire: string, context: string): AttributeSet {
    return this.intern(
      `${context}${String.fromCharCode(nextHop?.length ?? 0)}${nextHop ?? ''}${wire}`,
      attributes,
      nextHop,
    )
  }

  /** The set of attributes of an owned route. */
  originated(attributes: Attributes, nextHop: Ip | null): AttributeSet {
    this.writer.reset()
    encodeAttributes(this.writer, attributes, DEFAULT_CONTEXT)
    return this.received(attributes, nextHop, this.writer.view().toString('latin1'), 'local ')
  }

  /** Counts one more route of `source` with the set. */
  retain(set: AttributeSet, source: Source): void {
    if (set.users === 0) {
      assert(!this.sets.has(set.key), 'two attribute sets of the same octets are in use')
      set.payer = source
      charge(source, set.key.length)
      this.sets.set(set.key, set)
    }
    set.users++
  }

  release(set: AttributeSet): void {
    assert(set.users > 0, 'an attribute set is released more often than it is used', set.users)
    set.users--
    if (set.users > 0) return
    assert(this.sets.delete(set.key), 'an attribute set in use is not in the pool')
    charge(set.payer!, -set.key.length)
  }

  private intern(key: string, attributes: Attributes, nextHop: Ip | null): AttributeSet {
    return this.sets.get(key) ?? new AttributeSet(attributes, nextHop, key)
  }
}
