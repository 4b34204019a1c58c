import { VPNV4 } from '../../src/bgp/family.ts'
import { labelOf as labelOfField } from '../../src/bgp/values/label.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { gatewayOf, leadsToSubnet, linkOf, portOf, subnetOf, vethTexts } from './irb-oracle.ts'
import { CORE, exchange, type Node, networksOf, pathTo } from './machines.ts'

/** The blackhole VRF. */
const BLACKHOLE = 'bvrf-0'

/** An endpoint of some node in an IP VPN: where packets for its prefix go. */
interface Site {
  readonly node: Node
  readonly instance: string
  readonly request: AttachRequest
}

/** A prefix that is advertised to be behind an endpoint. */
interface Advertised extends Site {
  readonly prefix: string
  readonly targets: readonly string[]
  /** Targets that it had before it was re-advertised. */
  readonly record: ReadonlySet<string>
}

/** What is advertised for an endpoint: its subnet, or its address. */
function prefixOf({ ip, advertiseSubnet }: AttachRequest): string {
  return advertiseSubnet ? subnetOf(ip!.ip) : `${formatIp(ip!.ip)}/32`
}

/** Prefixes, with their attributes, that a node must advertise for its VRFs. */
export function dueVpnRoutes(node: Node, nodes: readonly Node[]): Set<string> {
  const due = advertisedBy(nodes).filter((one) => one.node === node)
  return new Set(
    due.map((advertised) =>
      routeText(advertised.prefix, labelOf(advertised), advertised.targets, advertised.record),
    ),
  )
}

export function vpnRoutes(node: Node): Set<string> {
  const advertised = new Set<string>()
  for (const { nlri, set } of node.daemon!.speaker.rib.ownRoutes(VPNV4)) {
    if (!('rd' in nlri) || !('length' in nlri)) continue
    const record = (set.attributes.extendedCommunities ?? []).filter(isRecord).map(targetOf)
    const prefix = `${formatIp(nlri.ip as Ip)}/${nlri.length}`
    advertised.add(routeText(prefix, String(labelOfField(nlri.label)), set.routeTargets, record))
  }
  return advertised
}

/** An RT record is a route target with another sub-type. */
const isRecord = (one: string): boolean => one.charCodeAt(0) <= 2 && one.charCodeAt(1) === 0x13
const targetOf = (record: string): string => `${record[0]}\x02${record.slice(2)}`

function routeText(prefix: string, label: string, targets: Iterable<string>, record: Iterable<string>) {
  return `${prefix} label ${label} to ${listed(targets)} that had ${listed(record)}`
}

function listed(targets: Iterable<string>): string {
  return [...targets]
    .sort()
    .map((target) => Buffer.from(target, 'latin1').toString('hex'))
    .join()
}

/** All routes of running nodes: those of endpoints, and re-advertised ones until no node adds any. */
function advertisedBy(nodes: readonly Node[]): Advertised[] {
  const running = nodes.filter(({ daemon }) => daemon !== null)
  const first = running.flatMap(firstSaid)
  let all = first
  for (let rounds = 0; rounds < 100; rounds++) {
    const next = [...first, ...running.flatMap((node) => readvertised(node, all))]
    if (textOf(next) === textOf(all)) return next
    all = next
  }
  throw new Error('re-advertised routes go round and round')
}

const textOf = (all: readonly Advertised[]): string =>
  all.map((one) => `${formatIp(one.node.address)} ${one.instance} ${one.prefix} ${listed(one.record)}`).join()

function firstSaid(node: Node): Advertised[] {
  return sitesOf(node)
    .filter(({ request }) => request.exportTargets.length > 0)
    .map((site) => ({
      ...site,
      prefix: prefixOf(site.request),
      targets: site.request.exportTargets,
      record: new Set(),
    }))
}

/** Each prefix once for each endpoint, with all targets of the route that has had the fewest; never to targets that it has had. */
function readvertised(node: Node, all: readonly Advertised[]): Advertised[] {
  const again: Advertised[] = []
  for (const site of sitesOf(node)) {
    const { from, to } = site.request.readvertise ?? { from: [], to: [] }
    if (to.length === 0 || leadsToSubnet(site.request)) continue
    const records = new Map<string, ReadonlySet<string>>()
    for (const { prefix, targets, record, ...origin } of all) {
      if (origin.node === node && origin.instance === site.instance) continue
      if (!exchange(node, origin.node)) continue
      const had = new Set([...targets, ...record])
      if (!targets.some((target) => (from as readonly string[]).includes(target))) continue
      if (to.some((target) => had.has(target))) continue
      const other = records.get(prefix)
      if (other === undefined || isShorter(had, other)) records.set(prefix, had)
    }
    for (const [prefix, record] of records) again.push({ ...site, prefix, targets: to, record })
  }
  return again
}

function isShorter(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size ? listed(a) < listed(b) : a.size < b.size
}

/** Endpoints that are reached. */
function sitesOf(node: Node): Site[] {
  return [...networksOf(node, 'ipvpn')].flatMap(([instance, requests]) =>
    requests
      .filter(({ direction }) => direction !== 'from-port')
      .map((request) => ({ node, instance, request })),
  )
}

/** What a node must want for its VRFs, going by what all agents want and by the labels that nodes have given. */
export function dueVpnEntries(node: Node, nodes: readonly Node[]): Set<string> {
  const due = new Set<string>()
  const advertised = advertisedBy(nodes)
  for (const [id, requests] of networksOf(node, 'ipvpn')) {
    const device = deviceOf(node, id)
    due.add(`mpls-interface ${CORE}`)
    for (const vrf of [device, BLACKHOLE])
      for (const text of [`link ${vrf}`, `nothing 0.0.0.0/0 of ${vrf}`, `nothing ::/0 of ${vrf}`])
        due.add(text)
    for (const text of vethTexts(node, id)) due.add(text)
    for (const request of requests) {
      for (const text of endpointTexts(node, request, device)) due.add(text)
      const port = portOf(node, request)
      const behind = requests.filter((other) => portOf(node, other) === port)
      const maySend = behind.some(({ direction }) => direction !== 'to-port')
      due.add(`port ${port} of ${maySend ? device : BLACKHOLE}`)
    }
    for (const [prefix, hops] of waysOf(node, id, requests, advertised))
      due.add(`route ${prefix} of ${device} by ${[...hops].sort().join(' and ')}`)
  }
  return due
}

function* endpointTexts(node: Node, request: AttachRequest, device: string): Iterable<string> {
  const { instanceId: instance, ip, mac, direction } = request
  const address = formatIp(ip!.ip)
  const port = portOf(node, request)
  const gateway = gatewayOf(request)
  if (gateway !== null)
    yield `address ${formatIp(gateway)}/${subnetOf(gateway) === subnetOf(ip!.ip) ? 24 : 32} on ${port}`
  yield `fixed-neighbour ${address} on ${port} is ${formatMac(mac)}`
  if (direction !== 'from-port') {
    const delivery = leadsToSubnet(request) ? `${device} - ` : `${port} ${address} `
    yield `label ${labelOf({ node, instance, request })} by ${delivery}`
  }
}

/** By prefix, the hops of a VRF: what is behind a local endpoint goes there, and all that others advertise shares the rest. */
function waysOf(
  node: Node,
  id: string,
  requests: readonly AttachRequest[],
  advertised: readonly Advertised[],
): Map<string, Set<string>> {
  const paths = new Map<string, Set<string>>()
  // what this machine has itself is nowhere else
  const itself = new Set(requests.map(gatewayOf).map((gateway) => gateway && `${formatIp(gateway)}/32`))
  const add = (prefix: string, hop: string) => {
    if (!itself.has(prefix)) paths.set(prefix, (paths.get(prefix) ?? new Set()).add(hop))
  }
  for (const request of requests) {
    if (request.direction === 'from-port') continue
    for (const prefix of [`${formatIp(request.ip!.ip)}/32`, prefixOf(request)])
      add(prefix, localHop(node, prefix, request))
  }
  const own = new Set(paths.keys())
  const { importTargets } = requests[0]!
  for (const one of advertised) {
    const { node: other, instance, request, prefix, targets } = one
    if ((other === node && instance === id) || !exchange(node, other)) continue
    if (!targets.some((target) => (importTargets as readonly string[]).includes(target))) continue
    if (own.has(prefix)) continue
    add(prefix, other === node ? localHop(node, prefix, request) : remoteHop(node, one))
  }
  for (const { direction, ip } of requests) {
    const prefix = `${formatIp(ip!.ip)}/32`
    if (direction === 'from-port' && !paths.has(prefix)) paths.set(prefix, new Set([`${BLACKHOLE} - `]))
  }
  return paths
}

/** Packets for the address, and for what is on the link with it, go out by the port to where they are for, all others to the address. */
function localHop(node: Node, prefix: string, request: AttachRequest): string {
  const address = formatIp(request.ip!.ip)
  const link = linkOf(request)
  const isOnLink = link !== null && prefix.replace(/\.\d+\/\d+$/, '.0/24') === link
  const via = prefix === `${address}/32` || isOnLink ? '-' : address
  return `${portOf(node, request)} ${via} `
}

/** Packets for another node go by the path that the underlay has to it, with its label innermost. */
function remoteHop(node: Node, advertised: Advertised): string {
  const { via, labels } = pathTo(node, advertised.node.tunnelAddress)
  return `${CORE} ${formatIp(via)} ${[...labels, labelOf(advertised)].join('/')}`
}

function deviceOf(node: Node, id: string): string {
  const instance = node.daemon!.vpns.instances.get(id)
  return instance?.type === 'ipvpn' ? instance.forwarding.state.device : `no VRF ${id}`
}

function labelOf({ node, instance, request }: Site): string {
  const attachments = [...(node.daemon!.vpns.instances.get(instance)?.attachments ?? [])]
  return String(attachments.find(({ mac }) => mac === request.mac)?.label)
}
