import { isIpv4 } from '../../../values/address.ts'
import type { TableEntry } from '../../kinds/index.ts'
import type { Hop, VrfRoute } from '../../model.ts'
import { isRefusal, missing, partly, type Refusal } from '../../refusal.ts'
import { encodeBagpipeRemoval } from '../bagpipe-vrfs.ts'
import * as k from '../constants.ts'
import type { Batch } from '../encode.ts'
import { gateway, onLinkFlag, prefix, UNUSED_GATEWAY, writeHops } from '../encode-ip.ts'
import type { RoutePlan } from '../multipath.ts'

import type { IndexOf, LinuxDefinition } from './definition.ts'
import { dumpVrfRoutes } from './dump.ts'
import { explainLabels, lackingOf } from './hops.ts'

/** A route with metric 20 and our protocol, its hops direct or with `encap mpls`, `onlink`; several are a nexthop group. */
export const route: LinuxDefinition<VrfRoute, ReadonlyMap<number, RoutePlan | Refusal>> = {
  kind: 'route',
  encode: (batch, entry, _target, indexOf) => encode(batch, entry, indexOf),
  encodeRemoval(batch, entry) {
    batch.begin(k.RTM_DELROUTE, 0)
    prefix(batch.writer, entry, { type: k.RTN_UNICAST, scope: k.RT_SCOPE_NOWHERE, metric: k.METRIC })
    batch.end()
  },
  /** With the route of bagpipe-bgp that hides it. */
  remove(entry, link, { requests, routes }) {
    this.encodeRemoval?.(requests, entry, link)
    if (routes.takeLeft(entry)) encodeBagpipeRemoval(requests, entry)
    return null
  },
  prepare: (entries, { multipath }) => multipath.plan(routesAmong(entries)),
  set(entry, _link, { requests, links, indexOf }, plans, position) {
    const plan = plans.get(position)
    const lacking = plan === undefined ? lackingOf(entry.hops, links) : undefined
    if (lacking !== undefined) return missing(lacking)
    if (plan === undefined) encode(requests, entry, indexOf)
    else if (isRefusal(plan)) return explained(plan, entry)
    else if (plan.group !== null) encodeGrouped(requests, entry, plan.group.id)
    else encode(requests, { ...entry, hops: plan.hops }, indexOf)
    return null
  },
  /** Removes what hid the routes, records their present groups, and reports the routes that lack hops. */
  conclude(entries, { multipath, requests, routes }, plans, refused) {
    if (routes.anyLeft) {
      for (const [i, entry] of routesAmong(entries))
        if (!refused.has(i) && routes.takeLeft(entry)) encodeBagpipeRemoval(requests, entry)
      requests.send()
    }
    for (const [i, plan] of plans) {
      const entry = entries[i]
      if (isRefusal(plan) || entry?.kind !== 'route') continue
      const { group, lacking } = plan
      // when the answer was lost, the kernel may have the entry
      if (refused.has(i) && group !== null) group.isKnown = false
      if (refused.has(i)) continue
      multipath.use(entry, group)
      if (lacking !== null) refused.set(i, partly(explained(lacking, entry)))
    }
    if (plans.size > 0) multipath.tidy()
  },
  concludeRemoval(entries, { multipath }, refused) {
    for (const [i, entry] of routesAmong(entries)) if (!refused.has(i)) multipath.release(entry)
    multipath.tidy()
  },
  explain: (refusal, { hops }) => explainLabels(refusal, hops),
  readRoute({ type, metric, destination, hops, marked }) {
    if (destination === null || type !== k.RTN_UNICAST || metric !== k.METRIC) return undefined
    const own = isIpv4(destination.prefix) ? hops : hops.map(withoutUnusedGateway)
    return { entry: { kind: 'route', ...destination, hops: own }, marked }
  },
  dump: dumpVrfRoutes,
}

function encode(batch: Batch, entry: VrfRoute, indexOf: IndexOf): void {
  batch.begin(k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  const onLink = entry.hops.every(({ via, labels }) => via === null && labels.length === 0)
  const scope = onLink ? k.RT_SCOPE_LINK : k.RT_SCOPE_UNIVERSE
  const [hop, ...others] = entry.hops
  const flags = hop !== undefined && others.length === 0 ? onLinkFlag(hop, entry.prefix) : 0
  prefix(batch.writer, entry, { type: k.RTN_UNICAST, scope, metric: k.METRIC, flags })
  writeHops(
    batch.writer,
    entry.hops,
    indexOf,
    (each) => gateway(batch.writer, each, entry.prefix),
    entry.prefix,
  )
  batch.end()
}

/** A route by a group of nexthops. */
function encodeGrouped(batch: Batch, entry: VrfRoute, group: number): void {
  batch.begin(k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  prefix(batch.writer, entry, { type: k.RTN_UNICAST, scope: k.RT_SCOPE_UNIVERSE, metric: k.METRIC })
  batch.writer.attributeU32(k.RTA_NH_ID, group)
  batch.end()
}

/** The routes of a batch by their positions. */
function routesAmong(entries: readonly TableEntry[]): Map<number, VrfRoute> {
  const routes = new Map<number, VrfRoute>()
  for (const [i, entry] of entries.entries()) if (entry.kind === 'route') routes.set(i, entry)
  return routes
}

function explained(refusal: Refusal, { hops }: VrfRoute): Refusal {
  return explainLabels(refusal, hops) ?? refusal
}

function withoutUnusedGateway(hop: Hop): Hop {
  return hop.via === UNUSED_GATEWAY && hop.labels.length > 0 ? { ...hop, via: null } : hop
}
