import { VPNV4 } from '../../src/bgp/family.ts'
import { labelOf as labelOfField } from '../../src/bgp/values/label.ts'
import { type Entry, type Hop, identity } from '../../src/dataplane/model.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { CORE, type Node, networksOf } from './machines.ts'

/** Where packets go that nobody may get. */
const DEAD_END = 'bvrf-0'

/** An endpoint of some node in an IP VPN: where packets for its prefix go. */
interface Site {
  readonly node: Node
  readonly instance: string
  readonly request: AttachRequest
}

/** A prefix that is announced to be behind an endpoint. */
interface Said extends Site {
  readonly prefix: string
  readonly targets: readonly string[]
  /** Targets that it had before it was announced again. */
  readonly record: ReadonlySet<string>
}

/** What is announced for an endpoint: its subnet, or its address. */
function prefixOf({ ip, advertiseSubnet }: AttachRequest): string {
  const address = formatIp(ip!.ip)
  return advertiseSubnet ? `${address.replace(/\.\d+$/, '.0')}/24` : `${address}/32`
}

/** Prefixes with what is said of them that a node must announce for its VRFs. */
export function dueVpnRoutes(node: Node, nodes: readonly Node[]): Set<string> {
  const due = saidBy(nodes).filter((one) => one.node === node)
  return new Set(due.map((said) => routeText(said.prefix, labelOf(said), said.targets, said.record)))
}

export function vpnRoutes(node: Node): Set<string> {
  const said = new Set<string>()
  for (const { nlri, set } of node.daemon!.speaker.rib.ownRoutes(VPNV4)) {
    if (!('rd' in nlri) || !('length' in nlri)) continue
    const record = (set.attributes.extendedCommunities ?? []).filter(isRecord).map(targetOf)
    const prefix = `${formatIp(nlri.ip as Ip)}/${nlri.length}`
    said.add(routeText(prefix, String(labelOfField(nlri.label)), set.routeTargets, record))
  }
  return said
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

/** All that running nodes say: of their endpoints, and again of what others say, until nobody has anything to add. */
function saidBy(nodes: readonly Node[]): Said[] {
  const running = nodes.filter(({ daemon }) => daemon !== null)
  const first = running.flatMap(firstSaid)
  let all = first
  for (let rounds = 0; rounds < 100; rounds++) {
    const next = [...first, ...running.flatMap((node) => saidAgain(node, all))]
    if (textOf(next) === textOf(all)) return next
    all = next
  }
  throw new Error('what is announced again goes round and round')
}

const textOf = (all: readonly Said[]): string =>
  all.map((one) => `${formatIp(one.node.address)} ${one.instance} ${one.prefix} ${listed(one.record)}`).join()

function firstSaid(node: Node): Said[] {
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
function saidAgain(node: Node, all: readonly Said[]): Said[] {
  const again: Said[] = []
  for (const site of sitesOf(node)) {
    const { from, to } = site.request.readvertise ?? { from: [], to: [] }
    if (to.length === 0) continue
    const records = new Map<string, ReadonlySet<string>>()
    for (const { prefix, targets, record, ...origin } of all) {
      if (origin.node === node && origin.instance === site.instance) continue
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

/** An entry of a VRF with what it says; the order of hops does not count. */
export function describeVpn(entry: Entry): string {
  switch (entry.kind) {
    case 'route':
      return `route ${formatIp(entry.prefix)}/${entry.prefixLength} of ${entry.device} by ${entry.hops.map(hopText).sort().join(' and ')}`
    case 'mpls':
      return `label by ${entry.hops.map(hopText).sort().join(' and ')}`
    case 'unreachable':
      return `nothing ${formatIp(entry.prefix)}/${entry.prefixLength} of ${entry.device}`
    case 'vrf-port':
      return `port ${entry.device} of ${entry.vrf}`
    default:
      return identity(entry)
  }
}

function hopText({ device, via, labels }: Pick<Hop, 'device' | 'via' | 'labels'>): string {
  return `${device} ${via === null ? '-' : formatIp(via)} ${labels.join('/')}`
}

/** What a node must want for its VRFs, going by what all agents want and by the labels that nodes have given. */
export function dueVpnEntries(node: Node, nodes: readonly Node[]): Set<string> {
  const due = new Set<string>()
  const said = saidBy(nodes)
  for (const [id, requests] of networksOf(node, 'ipvpn')) {
    const device = deviceOf(node, id)
    due.add(`mpls-interface ${CORE}`)
    for (const vrf of [device, DEAD_END])
      for (const text of [`link ${vrf}`, `nothing 0.0.0.0/0 of ${vrf}`, `nothing ::/0 of ${vrf}`])
        due.add(text)
    for (const request of requests) for (const text of endpointTexts(request, device)) due.add(text)
    for (const [prefix, hops] of waysOf(node, id, requests, said))
      due.add(`route ${prefix} of ${device} by ${[...hops].sort().join(' and ')}`)
  }
  return due
}

function* endpointTexts(request: AttachRequest, device: string): Iterable<string> {
  const { ip, port, gatewayIp, direction } = request
  const address = formatIp(ip!.ip)
  yield `port ${port} of ${device}`
  yield `address ${formatIp(gatewayIp!)}/24 on ${port}`
  yield `fixed-neighbour ${address} on ${port}`
  if (direction !== 'from-port') yield `label by ${port} ${address} `
}

/** By prefix, the hops of a VRF: what is behind a local endpoint goes there, and all that others announce shares the rest. */
function waysOf(
  node: Node,
  id: string,
  requests: readonly AttachRequest[],
  said: readonly Said[],
): Map<string, Set<string>> {
  const ways = new Map<string, Set<string>>()
  const add = (prefix: string, hop: string) => ways.set(prefix, (ways.get(prefix) ?? new Set()).add(hop))
  for (const request of requests) {
    if (request.direction === 'from-port') continue
    for (const [prefix, hop] of localWays(request)) add(prefix, hop)
  }
  const own = new Set(ways.keys())
  const { importTargets } = requests[0]!
  for (const one of said) {
    const { node: other, instance, request, prefix, targets } = one
    if (other === node && instance === id) continue
    if (!targets.some((target) => (importTargets as readonly string[]).includes(target))) continue
    if (own.has(prefix)) continue
    add(
      prefix,
      other === node ? localHop(prefix, request) : `${CORE} ${formatIp(other.address)} ${labelOf(one)}`,
    )
  }
  for (const { direction, ip } of requests) {
    const prefix = `${formatIp(ip!.ip)}/32`
    if (direction === 'from-port' && !ways.has(prefix)) add(prefix, `${DEAD_END} - `)
  }
  return ways
}

/** Packets for the address go out by the port to it, all others to the address. */
function* localWays(request: AttachRequest): Iterable<[prefix: string, hop: string]> {
  const address = formatIp(request.ip!.ip)
  yield [`${address}/32`, localHop(`${address}/32`, request)]
  if (request.advertiseSubnet) yield [prefixOf(request), localHop(prefixOf(request), request)]
}

function localHop(prefix: string, { ip, port }: AttachRequest): string {
  const address = formatIp(ip!.ip)
  return `${port} ${prefix === `${address}/32` ? '-' : address} `
}

function deviceOf(node: Node, id: string): string {
  const instance = node.daemon!.vpns.instances.get(id)
  return instance?.type === 'ipvpn' ? instance.vrf.config.device : `no VRF ${id}`
}

function labelOf({ node, instance, request }: Site): string {
  const attachments = [...(node.daemon!.vpns.instances.get(instance)?.attachments ?? [])]
  return String(attachments.find(({ mac }) => mac === request.mac)?.label)
}
