import { VPN_FAMILIES } from '../bgp/family.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatRouteTarget } from '../bgp/values/extended-community.ts'

/** Which peers get a route of ours, in words, and why others do not. */
export function whereAdvertised(route: Route, speaker: Speaker): string {
  const { sent_to, not_sent } = receivers(route, speaker)
  const reasons = Map.groupBy(not_sent, ({ reason }) => reason)
  return [
    `advertised with ${route.set.routeTargets.map(formatRouteTarget).join(' ')} to ${sent_to.join(', ') || 'no peer'}`,
    ...[...reasons].map(([reason, found]) => `not to ${found.map(({ peer }) => peer).join(', ')}: ${reason}`),
  ].join('; ')
}

/** Which peers get the best route of a key, and why others do not. */
export function receivers(best: Route, { peers }: Speaker) {
  const sent_to: string[] = []
  const not_sent: { peer: string; reason: string }[] = []
  for (const { sessions, source, routesOut, negotiated } of peers.values()) {
    if (source === best.source || !VPN_FAMILIES.has(best.family)) continue
    const reason =
      negotiated === null
        ? 'no session'
        : negotiated.families.has(best.family)
          ? routesOut.whyNot(best)
          : 'the session does not carry this family'
    if (reason === null) sent_to.push(sessions.name)
    else not_sent.push({ peer: sessions.name, reason })
  }
  return { sent_to, not_sent }
}
