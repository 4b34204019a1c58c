import type { Family } from '../family.ts'
import type { Nlri } from '../nlri/index.ts'
import type { AttributeSet } from './attribute-pool.ts'

/** A rejected route: a peer advertises it and it stays out of the RIB. */
export interface DroppedRoute {
  readonly family: Family
  readonly nlri: Nlri
  readonly set: Pick<AttributeSet, 'nextHop' | 'routeTargets'>
  readonly reason: string
  /** What makes it a loop; null where it was rejected for another reason. */
  readonly loop: RouteLoop | null
}

/** What of ours a looped route has (RFC 4271 §9.1.2, RFC 4456 §8). */
export type RouteLoop = 'AS_PATH' | 'ORIGINATOR_ID' | 'CLUSTER_LIST'

/** How many are kept for display, the latest; their size is limited too, since peers choose it. */
const CAPACITY = 1000
const MAX_KEY_OCTETS = 64

/** The rejected routes of a peer, each until the peer changes or withdraws it. */
export class DroppedRoutes {
  private readonly routes = new Map<string, DroppedRoute>()

  get size(): number {
    return this.routes.size
  }

  add(key: string, pathId: number, route: DroppedRoute): void {
    if (key.length > MAX_KEY_OCTETS) return
    const own = droppedKey(route.family, key, pathId)
    this.routes.delete(own)
    this.routes.set(own, route)
    if (this.routes.size <= CAPACITY) return
    for (const oldest of this.routes.keys()) {
      this.routes.delete(oldest)
      return
    }
  }

  forget(family: Family, key: string, pathId: number): void {
    this.routes.delete(droppedKey(family, key, pathId))
  }

  /** How many are kept of a family. */
  countOf(family: Family): number {
    let count = 0
    for (const route of this.routes.values()) if (route.family === family) count++
    return count
  }

  clear(): void {
    this.routes.clear()
  }

  [Symbol.iterator](): Iterator<DroppedRoute> {
    return this.routes.values()
  }
}

function droppedKey(family: Family, key: string, pathId: number): string {
  return `${family} ${pathId} ${key}`
}
