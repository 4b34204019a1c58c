import { EVPN } from '../../bgp/family.ts'
import type { Route } from '../../bgp/rib/route.ts'
import { formatRouteTarget, type RouteTarget } from '../../bgp/values/extended-community.ts'
import { formatRd } from '../../bgp/values/rd.ts'
import { whyBeaten } from '../../evpn/explain.ts'
import {
  bestMacRoute,
  floodTunnel,
  isMacRoute,
  isMulticastRoute,
  type MacRoute,
  unusableMac,
} from '../../evpn/select.ts'
import { formatIp } from '../../values/address.ts'
import { formatMac, type Mac } from '../../values/mac.ts'
import { ensure } from '../../values/map.ts'
import type { Attachment } from '../../vpn/attachments.ts'
import type { Instance } from '../../vpn/service.ts'
import { type DataplaneView, showStatus } from '../dataplane-view.ts'
import { showRoute, showRoutes, subscription } from './routes.ts'
import { inline, leaf, type Node, tree } from './tree.ts'

const shownTargets = (targets: Iterable<RouteTarget>): string[] =>
  [...targets].map((target) => `target:${formatRouteTarget(target)}`)

export function instanceNode(instance: Instance, dataplane: DataplaneView, base: string): Node {
  const { evpn, attachments } = instance
  const { config } = evpn
  return tree(() => ({
    name: inline(() => config.name),
    external_instance_id: inline(() => config.id),
    description: inline(() => instance.description),
    instance_type: inline(() => 'EVI'),
    instance_dataplane_id: inline(() => config.vni),
    rd: inline(() => formatRd(config.rd)),
    gateway_ip: inline(() => (evpn.gatewayIp === null ? null : formatIp(evpn.gatewayIp))),
    gateway_port: inline(() => null),
    subnet_prefix_length: inline(() => instance.subnetPrefixLength),
    route_targets: inline(() => ({
      import: shownTargets(evpn.importTargets),
      export: shownTargets(evpn.exportTargets),
    })),
    readvertise: inline(() => ({})),
    attract_traffic: inline(() => ({})),
    fallback: inline(() => null),
    internals: inline(() => ({
      'event queue length': 0,
      subscriptions: shownTargets(evpn.importTargets).map((target) => subscription(EVPN, target)),
    })),
    adv_routes: leaf(() => showRoutes(evpn.advertisedRoutes(), base)),
    received_routes: leaf(() => receivedRoutes(instance, base)),
    best_routes: leaf(() => bestRoutes(instance, base)),
    ports: leaf(() => ports(attachments, formatRd(config.rd))),
    dataplane: dataplaneNode(instance, dataplane, base),
  }))
}

function dataplaneNode({ evpn, attachments }: Instance, dataplane: DataplaneView, base: string): Node {
  const { bridge, vxlan } = evpn.config.devices
  return tree(() => ({
    driver: inline(() => ({ id: 'evpn', href: `${base}/vpns/dataplane/drivers/evpn` })),
    linux_bridge: inline(() => bridge),
    vxlan_if: inline(() => vxlan),
    entries: leaf(() =>
      shownEntries(new Set([bridge, vxlan, ...[...attachments].map(({ port }) => port)]), dataplane),
    ),
  }))
}

function* shownEntries(devices: ReadonlySet<string>, dataplane: DataplaneView): Iterable<unknown> {
  for (const { entry, status } of dataplane.entries(devices))
    yield { entry: dataplane.describe(entry), kind: entry.kind, ...showStatus(status) }
}

/** Endpoints by port, with the keys of bagpipe-bgp. */
function ports(attachments: Iterable<Attachment>, rd: string): Record<string, { endpoints: unknown[] }> {
  const byPort = new Map<string, { endpoints: unknown[] }>()
  for (const { port, mac, ip, prefixLength, label, localPref, direction, description } of attachments) {
    ensure(byPort, port, () => ({ endpoints: [] })).endpoints.push({
      label,
      mac_address: formatMac(mac),
      ip_address: ip === null ? null : `${formatIp(ip)}/${prefixLength}`,
      rd,
      local_pref: localPref,
      direction,
      description: description ?? null,
    })
  }
  return Object.fromEntries(byPort)
}

/** Imported routes by what they are about, each with the reason where it is not used for forwarding. */
function receivedRoutes({ evpn }: Instance, base: string): Record<string, unknown[]> {
  const shown = new Map<string, unknown[]>()
  const best = bestByMac(evpn)
  for (const route of evpn.importedRoutes()) {
    const unused = whyUnused(route, evpn.facts, best)
    const [[text, fields] = ['', {}]] = Object.entries(showRoute(route, base))
    ensure(shown, subject(route), () => []).push({
      [text]: unused === null ? fields : { ...(fields as object), unused },
    })
  }
  return Object.fromEntries(shown)
}

function bestRoutes({ evpn }: Instance, base: string): Record<string, unknown[]> {
  const shown = new Map<string, unknown[]>()
  const best = bestByMac(evpn)
  for (const route of evpn.importedRoutes()) {
    if (whyUnused(route, evpn.facts, best) === null)
      ensure(shown, subject(route), () => []).push(showRoute(route, base))
  }
  return Object.fromEntries(shown)
}

function bestByMac(evpn: Instance['evpn']): Map<Mac, MacRoute> {
  const byMac = new Map<Mac, MacRoute[]>()
  for (const route of evpn.importedRoutes()) {
    if (isMacRoute(route) && unusableMac(route, evpn.facts) === null)
      ensure(byMac, route.nlri.mac, () => []).push(route)
  }
  return new Map([...byMac].map(([mac, routes]) => [mac, bestMacRoute(routes)!]))
}

function whyUnused(
  route: Route,
  facts: Instance['evpn']['facts'],
  best: ReadonlyMap<Mac, MacRoute>,
): string | null {
  if (isMulticastRoute(route)) {
    const tunnel = floodTunnel(route, facts)
    return 'reason' in tunnel ? tunnel.reason : null
  }
  if (!isMacRoute(route)) return 'route type not used'
  const unusable = unusableMac(route, facts)
  if (unusable !== null) return unusable
  const winner = best.get(route.nlri.mac)!
  return winner.set.nextHop === route.set.nextHop ? null : whyBeaten(route, winner)
}

/** What bagpipe-bgp calls a tracked entry. */
function subject(route: Route): string {
  if (isMacRoute(route)) return `('MAC', ${formatMac(route.nlri.mac).toUpperCase()})`
  if (isMulticastRoute(route))
    return `('Multicast', (${formatIp(route.nlri.originator)},  rd ${formatRd(route.nlri.rd)}))`
  return 'other'
}
