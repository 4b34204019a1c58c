import { assert } from '../../values/assert.ts'
import type { Octets } from '../../values/bytes.ts'
import type { Keyed } from '../../values/octet-map.ts'
import type { Family } from '../family.ts'
import type { Route } from './route.ts'

/** What routes of one family and key lead to. */
export class Destination implements Keyed {
  readonly family: Family
  readonly key: Octets
  readonly hash: number
  /** The best route, with the others behind it. */
  best: Route | null = null
  /** Whether its routes have changed since the last notification. */
  private isChanged = false
  /** Of a changed one, the best route that was last notified. */
  private known: Route | null = null

  constructor(family: Family, key: Octets, hash: number) {
    this.family = family
    this.key = key
    this.hash = hash
  }

  /** Its routes are about to change; false where they have done so since the last notification. */
  change(): boolean {
    if (this.isChanged) return false
    this.isChanged = true
    this.known = this.best
    return true
  }

  /** Returns the best route that was last notified, now that the present one is. */
  notified(): Route | null {
    assert(this.isChanged, 'a change is notified twice', this.key)
    const { known } = this
    this.isChanged = false
    this.known = null
    return known
  }

  /** Whether another best route was last notified. */
  get isAhead(): boolean {
    return this.isChanged && this.known !== this.best
  }

  /** As `notified`, but the destination still counts as changed: its turn comes later. */
  notifiedEarly(): Route | null {
    const { known } = this
    this.known = this.best
    return known
  }
}
