import { assert } from '../../values/assert.ts'
import { ensure } from '../../values/map.ts'
import type { Family } from '../family.ts'
import { Backlog } from './backlog.ts'
import type { Route } from './route.ts'

/** Keys whose routes have changed, with the best route last notified; each family gets its share of a slice. */
export class ChangedKeys {
  private readonly families = new Map<Family, Backlog<Route | null>>()
  private count = 0

  get size(): number {
    return this.count
  }

  /** A key changes, whose best route `known` was last notified. */
  add(family: Family, key: string, known: Route | null): void {
    const backlog = ensure(this.families, family, () => new Backlog())
    if (backlog.has(key)) return
    backlog.set(key, known)
    this.count++
  }

  /** Takes up to `budget` keys; returns how many of it are left. */
  take(budget: number, visit: (family: Family, key: string, known: Route | null) => void): number {
    let left = budget
    while (left > 0 && this.count > 0) {
      let waiting = this.families.size
      for (const [family, backlog] of this.families) {
        for (const [key, known] of backlog.take(Math.ceil(left / waiting--))) {
          this.count--
          left--
          visit(family, key, known)
        }
      }
    }
    assert(this.count >= 0, 'more changes are taken than were made', this.count)
    return left
  }

  /** Returns whether all keys queued now have been taken. */
  barrier(): () => boolean {
    const barriers = [...this.families.values()].map((backlog) => backlog.barrier())
    return () => barriers.every((isPassed) => isPassed())
  }
}
