import { EVPN, type Family, familyName, VPN_FAMILIES } from '../bgp/family.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { Views } from './looking-glass/index.ts'

/** Established sessions that exchange no routes at all (RFC 8212), a sentence each. */
export function* closedSessions({ peers }: Speaker): Iterable<string> {
  for (const { negotiated, sessions } of peers.values())
    if (negotiated?.internal === false && sessions.config.external === 'reject')
      yield `peer ${sessions.name} is in another AS, ${sessions.config.as}, and exchanges no routes by its ebgp_policy, reject (RFC 8212): set ebgp_policy = accept in its section, or disable it`
}

/** Families of VPN instances that we offer and no session carries, a sentence each: a session is also established by others, such as route target constraint alone. */
export function* uncarriedFamilies({
  speaker,
  services,
}: Pick<Views, 'speaker' | 'services'>): Iterable<string> {
  const instances = [...(services?.vpns.instances.values() ?? [])]
  const hasEvpn = instances.some(({ type }) => type === 'evpn')
  const isUsed = (family: Family): boolean => {
    if (family === EVPN && hasEvpn) return true
    for (const _ of speaker.rib.ownRoutes(family)) return true
    return false
  }
  const up = [...speaker.peers.values()].filter(({ negotiated }) => negotiated !== null)
  const offered = new Set(up.flatMap(({ sessions }) => sessions.config.families))
  if (services === null) return
  for (const family of VPN_FAMILIES)
    if (
      offered.has(family) &&
      isUsed(family) &&
      !up.some(({ negotiated }) => negotiated?.families.has(family))
    )
      yield `no session carries ${familyName(family)}, so VPN instances exchange no routes of it with other nodes: activate it for this node on ${up.map(({ sessions }) => sessions.name).join(', ')}`
}
