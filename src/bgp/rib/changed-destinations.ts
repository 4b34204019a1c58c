import { assert } from '../../values/assert.ts'
import { ensure } from '../../values/map.ts'
import { Queue } from '../../values/queue.ts'
import type { Family } from '../family.ts'
import type { Destination } from './destination.ts'

const newQueue = () => new Queue<Destination>()

/** Destinations whose routes have changed, in that order; each family gets its share of a slice. */
export class ChangedDestinations {
  private readonly families = new Map<Family, Queue<Destination>>()
  private count = 0

  get size(): number {
    return this.count
  }

  /** The routes of a destination are about to change. */
  add(destination: Destination): void {
    if (!destination.change()) return
    ensure(this.families, destination.family, newQueue).push(destination)
    this.count++
  }

  /** Takes up to `budget` destinations; returns how many of it are left. */
  take(budget: number, visit: (destination: Destination) => void): number {
    let left = budget
    while (left > 0 && this.count > 0) {
      let waiting = this.families.size
      for (const queue of this.families.values()) {
        for (let share = Math.ceil(left / waiting--); share > 0 && queue.length > 0; share--) {
          this.count--
          left--
          visit(queue.take()!)
        }
      }
    }
    assert(this.count >= 0, 'more changes are taken than were made', this.count)
    return left
  }

  /** Returns whether all that are queued now have been taken. */
  barrier(): () => boolean {
    const last = [...this.families.values()].map((queue) => ({ queue, at: queue.taken + queue.length }))
    return () => last.every(({ queue, at }) => queue.taken >= at)
  }
}
