import { compareRoutes } from './best-path.ts'
import type { Route, Source } from './route.ts'

// The routes of one family and key are a chain by `next`, which begins with the best one.

/** The route of a source, or of one of its paths. */
export function find(head: Route | null, source: Source, pathId?: number): Route | null {
  for (let route = head; route !== null; route = route.next) {
    if (route.source === source && (pathId === undefined || route.pathId === pathId)) return route
  }
  return null
}

/** The chain with `route` in it, the best one first. */
export function link(head: Route | null, route: Route): Route {
  if (head === null || compareRoutes(route, head) > 0) {
    route.next = head
    return route
  }
  route.next = head.next
  head.next = route
  return head
}

/** The chain built anew, the best one first. */
export function relinked(head: Route): Route {
  let chain: Route | null = null
  for (let route: Route | null = head; route !== null; ) {
    const next: Route | null = route.next
    chain = link(chain, route)
    route = next
  }
  return chain!
}

/** The chain without `route`, the best one first. */
export function unlinked(head: Route | null, route: Route): Route | null {
  if (head !== route) {
    for (let before = head; before !== null; before = before.next) {
      if (before.next === route) before.next = route.next
    }
    return head
  }
  let best = route.next
  for (let other = best?.next ?? null; other !== null; other = other.next) {
    if (best === null || compareRoutes(other, best) > 0) best = other
  }
  if (best === null || best === route.next) return best
  const rest = unlinked(route.next, best)
  best.next = rest
  return best
}
