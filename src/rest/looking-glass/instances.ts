import { EVPN, type Family, VPNV4, VPNV6 } from '../../bgp/family.ts'
import { formatPrefix } from '../../bgp/nlri/prefix.ts'
import { formatRouteTarget, type RouteTarget } from '../../bgp/values/extended-community.ts'
import { formatRd, ipv4Rd } from '../../bgp/values/rd.ts'
import type { Entry, EntryStatus } from '../../dataplane/model.ts'
import type { Readvertisement, ReadvertiseTargets } from '../../ipvpn/readvertise.ts'
import type { LogSubject } from '../../recent-log.ts'
import { formatIp } from '../../values/address.ts'
import { formatMac } from '../../values/mac.ts'
import type { Attachment } from '../../vpn/attachments.ts'
import { devicesOf, type IpVpnInstance, type VpnInstance } from '../../vpn/instance.ts'
import { type DataplaneView, showStatus } from '../dataplane-view.ts'
import { LazyObject } from '../json-stream.ts'
import { shown } from '../status-entries.ts'
import { evpnRouteUses, type RouteGroup } from './evpn-routes.ts'
import { logsNode, type RecentRecords } from './logs.ts'
import { routeView, showRoutes, subscription } from './routes.ts'
import { inline, leaf, type Node, tree } from './tree.ts'

const shownTargets = (targets: Iterable<RouteTarget>): string[] =>
  [...targets].map((target) => `target:${formatRouteTarget(target)}`)

export function instanceNode(
  instance: VpnInstance,
  dataplane: DataplaneView,
  recentLog: RecentRecords,
  base: string,
): Node {
  const { routing } = instance
  const { config } = routing
  const isEvpn = instance.type === 'evpn'
  const families: readonly Family[] = isEvpn ? [EVPN] : [VPNV4, VPNV6]
  return tree(() => ({
    name: inline(() => config.name),
    external_instance_id: inline(() => config.id),
    description: inline(() => instance.description),
    instance_type: inline(() => (isEvpn ? 'EVI' : 'VRF')),
    instance_dataplane_id: inline(() => (isEvpn ? instance.macVrf.config.vni : instance.number)),
    rd: inline(() => formatRd(config.rd)),
    gateway_ip: inline(() => (routing.gatewayIp === null ? null : formatIp(routing.gatewayIp))),
    ...(isEvpn ? { gateway_port: inline(() => gatewayPort(instance, base)) } : {}),
    subnet_prefix_length: inline(() => instance.subnetPrefixLength),
    route_targets: inline(() => ({
      import: shownTargets(routing.imports.targets),
      export: shownTargets(routing.exportTargets),
    })),
    readvertise: inline(() => shownReadvertisement(readvertisementOf(instance)?.targets ?? null)),
    attract_traffic: inline(() => ({})),
    fallback: inline(() => (instance.type === 'ipvpn' ? instance.fallback : null)),
    internals: inline(() => ({
      'event queue length': 0,
      subscriptions: shownTargets(subscribed(instance)).flatMap((target) =>
        families.map((family) => subscription(family, target)),
      ),
    })),
    adv_routes: leaf(() => showRoutes(routing.advertisedRoutes(), base)),
    received_routes: leaf(() => receivedRoutes(instance, base)),
    best_routes: leaf(() => bestRoutes(instance, base)),
    ...(isEvpn
      ? {}
      : { readvertised: leaf(() => showRoutes(instance.vrf.readvertisement.readvertised(), base)) }),
    ports: leaf(() => ports(instance)),
    logs: logsNode(recentLog, () => [`instance ${config.id}`, ...aboutDevices(instance)]),
    dataplane: dataplaneNode(instance, dataplane, recentLog, base),
  }))
}

function readvertisementOf(instance: VpnInstance): Readvertisement | null {
  return instance.type === 'ipvpn' ? instance.vrf.readvertisement : null
}

function shownReadvertisement(targets: ReadvertiseTargets | null): object {
  return targets === null ? {} : { from: shownTargets(targets.from), to: shownTargets(targets.to) }
}

/** Route targets that it imports or re-advertises routes of. */
function subscribed(instance: VpnInstance): ReadonlySet<RouteTarget> {
  const further = readvertisementOf(instance)?.imports.targets ?? []
  return new Set([...instance.routing.imports.targets, ...further])
}

/** The VRF that is the gateway of the instance; of several, the first is shown. */
function gatewayPort(instance: VpnInstance, base: string): unknown {
  const gateway = instance.type === 'evpn' ? instance.macVrf.addresses.gateways[0] : undefined
  if (gateway === undefined) return null
  const { id, name } = gateway.vrf
  const href = `${base}/vpns/instances/${encodeURIComponent(id)}`
  return { interface: gateway.port, ipvpn: { href, id: name, external_instance_id: id } }
}

const aboutDevices = (instance: VpnInstance): LogSubject[] =>
  [...devicesOf(instance)].map((device) => `device ${device}` as const)

function dataplaneNode(
  instance: VpnInstance,
  dataplane: DataplaneView,
  recentLog: RecentRecords,
  base: string,
): Node {
  const { type } = instance
  return tree(() => ({
    driver: inline(() => ({ id: type, href: `${base}/vpns/dataplane/drivers/${type}` })),
    ...devicesNode(instance),
    entries: leaf(() => shownEntries(instance, dataplane)),
    logs: logsNode(recentLog, () => aboutDevices(instance)),
  }))
}

function devicesNode(instance: VpnInstance): Record<string, Node> {
  return Object.fromEntries(
    Object.entries(instance.forwarding.shown).map(([key, value]) => [key, inline(() => value)]),
  )
}

async function* shownEntries(
  instance: VpnInstance,
  dataplane: DataplaneView,
): AsyncGenerator<Iterable<unknown>> {
  const show = ({ entry, status }: EntryStatus) => ({
    entry: dataplane.describe(entry),
    kind: entry.kind,
    ...showStatus(status),
  })
  for await (const slice of dataplane.entries(devicesOf(instance))) yield shown(slice, show)
  if (instance.type === 'evpn') return
  const found = await dataplane.find(labelRoutes(instance))
  yield shown(found, (one) => one && show(one))
}

/** Label routes belong to the node: those of the instance are found by its labels. */
function labelRoutes({ attachments, forwarding }: IpVpnInstance): Entry[] {
  return forwarding.labelEntries(new Set([...attachments].map(({ label }) => label)))
}

/** Endpoints by port, with the keys of bagpipe-bgp. */
function ports(instance: VpnInstance): LazyObject {
  return new LazyObject(function* () {
    for (const [port, attachments] of Map.groupBy(instance.attachments, (one) => one.port)) {
      const irb = attachments[0]?.irb
      const endpoints = shown(attachments, (one) => showEndpoint(one, instance))
      yield [port, { ...(irb && { evpn: irb.evpn }), endpoints }]
    }
  })
}

function showEndpoint(attachment: Attachment, instance: VpnInstance): object {
  const { mac, ip, prefixLength, label, localPref, direction, description } = attachment
  return {
    label,
    mac_address: formatMac(mac),
    ip_address: ip === null ? null : `${formatIp(ip)}/${prefixLength}`,
    rd: rdOf(instance, attachment.rdNumber),
    local_pref: localPref,
    direction,
    description: description ?? null,
    ...(instance.type === 'evpn'
      ? {}
      : {
          lb_consistent_hash_order: attachment.hashOrder,
          advertise_subnet: attachment.advertiseSubnet,
        }),
  }
}

function rdOf(instance: VpnInstance, number: number | null): string {
  if (number === null || instance.type === 'evpn') return formatRd(instance.routing.config.rd)
  return formatRd(ipv4Rd(instance.vrf.config.identifier, number))
}

/** Imported routes by subject, each with the reason where it is not used for forwarding. */
function receivedRoutes(instance: VpnInstance, base: string): LazyObject {
  const show = routeView(base)
  return new LazyObject(function* () {
    for (const group of routeUses(instance))
      yield group && [group[0], shown(group[1], ({ route, unused }) => show(route, unused))]
  })
}

function bestRoutes(instance: VpnInstance, base: string): LazyObject {
  const show = routeView(base)
  return new LazyObject(function* () {
    for (const group of routeUses(instance)) {
      const used = group?.[1].filter(({ unused }) => unused === null) ?? []
      yield group && used.length > 0 ? [group[0], shown(used, ({ route }) => show(route))] : undefined
    }
  })
}

function* routeUses(instance: VpnInstance): Iterable<RouteGroup | undefined> {
  if (instance.type === 'evpn') return yield* evpnRouteUses(instance.macVrf)
  const { vrf } = instance
  for (const routes of vrf.learned())
    yield [
      formatPrefix(routes[0].nlri),
      routes.map((route) => ({ route, unused: vrf.outcomeOf(route).reason })),
    ]
}
