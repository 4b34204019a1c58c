import type { Explanation } from '../api/explain.ts'
import { EVPN } from '../bgp/family.ts'
import { whyBetter } from '../bgp/rib/best-path.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { covers, type Subject } from '../ipvpn/explain.ts'
import { chainsOf, MAX_STRANGERS, showOutcome } from './explained.ts'
import { receivers } from './receivers.ts'

/** Routes in the RIB of a program without VPN instances, and which peers get the best of each key. */
export function explainReflected(
  chains: readonly (readonly Route[])[],
  speaker: Speaker,
): Pick<Explanation, 'reflected' | 'not_shown'> {
  return {
    reflected: chains.slice(0, MAX_STRANGERS).flatMap((chain) =>
      chain.map((route, i) => {
        const [best = route] = chain
        const outcome =
          i === 0
            ? { route, state: 'best' as const, reason: null }
            : { route, state: 'beaten' as const, reason: whyBetter(best, route) }
        return { ...showOutcome(outcome), ...(i === 0 ? receivers(route, speaker) : NO_RECEIVERS) }
      }),
    ),
    not_shown: Math.max(0, chains.length - MAX_STRANGERS),
  }
}

/** The IP prefix routes (RFC 9136) that cover a prefix or address, which no instance of ours uses, as `prefixChains`. */
export function ipPrefixChains(subject: Subject, speaker: Speaker): Promise<Route[][]> {
  const isWanted = (route: Route): route is Route =>
    'prefix' in route.nlri && covers(route.nlri.prefix, subject)
  return chainsOf(EVPN, isWanted, speaker)
}

const NO_RECEIVERS = { sent_to: [], not_sent: [] }
