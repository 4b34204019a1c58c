import { isIpv4 } from '../../../values/address.ts'
import type { Unreachable } from '../../model.ts'
import { ipv6Disabled } from '../../refusal.ts'
import * as k from '../constants.ts'
import { prefix } from '../encode-ip.ts'
import { hasIpv6 } from '../sysctl.ts'
import type { LinuxDefinition } from './definition.ts'
import { dumpVrfRoutes } from './dump.ts'

/** An `unreachable` route with the worst metric. */
export const unreachable: LinuxDefinition<Unreachable> = {
  kind: 'unreachable',
  encode(batch, entry) {
    batch.begin(k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_REPLACE)
    const scope = k.RT_SCOPE_UNIVERSE
    prefix(batch.writer, entry, { type: k.RTN_UNREACHABLE, scope, metric: k.WORST_METRIC })
    batch.end()
  },
  encodeRemoval(batch, entry) {
    batch.begin(k.RTM_DELROUTE, 0)
    const scope = k.RT_SCOPE_NOWHERE
    prefix(batch.writer, entry, { type: k.RTN_UNREACHABLE, scope, metric: k.WORST_METRIC })
    batch.end()
  },
  // where there is no IPv6, nothing is reachable by it
  explain: (_refusal, entry) => (!isIpv4(entry.prefix) && !hasIpv6() ? ipv6Disabled : null),
  readRoute({ type, metric, destination, marked }) {
    if (destination === null || type !== k.RTN_UNREACHABLE || metric !== k.WORST_METRIC) return undefined
    return { entry: { kind: 'unreachable', ...destination }, marked }
  },
  dump: dumpVrfRoutes,
}
