import { assert } from '../../values/assert.ts'
import { bestOf, compareRoutes, hasMed } from './best-path.ts'
import { isRevalued, isStale, type Route, type Source } from './route.ts'

// The routes of one family and key are a chain by `next`, which begins with the best one.

/** The route of a source, or of one of its paths. */
export function findRoute(head: Route | null, source: Source, pathId?: number): Route | null {
  for (let route = head; route !== null; route = route.next) {
    if (route.source === source && (pathId === undefined || route.pathId === pathId)) return route
  }
  return null
}

/** The chain with `route` in it, the best one first. */
export function link(head: Route | null, route: Route): Route {
  if (head !== null && compareRoutes(route, head) <= 0) {
    route.next = head.next
    head.next = route
    return usesMed(head) ? relinked(head) : head
  }
  route.next = head
  return usesMed(route) || (head !== null && maySink(head)) ? relinked(route) : route
}

/** Whether others may have become better than the first one, which is not linked again yet. */
function maySink(head: Route): boolean {
  return isStale(head) || isRevalued(head)
}

/** The chain with the best one first, whatever its position was. */
export function relinked(head: Route): Route {
  const best = bestOf([...chain(head)])
  if (best === head) return head
  cut(head, best)
  best.next = head
  return best
}

/** The chain without `route`, the best one first. */
export function unlinked(head: Route | null, route: Route): Route | null {
  if (head === null) return null
  if (head === route) return head.next === null ? null : relinked(head.next)
  cut(head, route)
  return usesMed(head) || hasMed(route) ? relinked(head) : head
}

/** Takes out one that is not the first. */
function cut(head: Route, route: Route): void {
  let before = head
  while (before.next !== null && before.next !== route) before = before.next
  assert(before.next === route, 'a route is not in the chain of its key', route.key)
  before.next = route.next
}

/** Whether the best one cannot be found by comparing it with each of the others. */
function usesMed(head: Route): boolean {
  if (head.next === null || head.next.next === null) return false
  for (const route of chain(head)) if (hasMed(route)) return true
  return false
}

function* chain(head: Route): Iterable<Route> {
  for (let route: Route | null = head; route !== null; route = route.next) yield route
}
