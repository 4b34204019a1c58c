import { VPNV4 } from '../../src/bgp/family.ts'
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

/** What is announced for an endpoint: its subnet, or its address. */
function prefixOf({ ip, advertiseSubnet }: AttachRequest): string {
  const address = formatIp(ip!.ip)
  return advertiseSubnet ? `${address.replace(/\.\d+$/, '.0')}/24` : `${address}/32`
}

/** Prefixes with targets that a node must announce for its VRFs. */
export function dueVpnRoutes(node: Node): Set<string> {
  const due = new Set<string>()
  for (const { request } of sitesOf(node)) due.add(`${prefixOf(request)} ${targetsText(request)}`)
  return due
}

export function vpnRoutes(node: Node): Set<string> {
  const said = new Set<string>()
  for (const { nlri, set } of node.daemon!.speaker.rib.ownRoutes(VPNV4)) {
    if (!('rd' in nlri) || !('length' in nlri)) continue
    said.add(
      `${formatIp(nlri.ip as Ip)}/${nlri.length} ${targetsText({ exportTargets: set.routeTargets as AttachRequest['exportTargets'] })}`,
    )
  }
  return said
}

function targetsText({ exportTargets }: Pick<AttachRequest, 'exportTargets'>): string {
  return [...exportTargets]
    .sort()
    .map((target) => Buffer.from(target, 'latin1').toString('hex'))
    .join()
}

/** Endpoints that are announced. */
function sitesOf(node: Node): Site[] {
  return [...networksOf(node, 'ipvpn')].flatMap(([instance, requests]) =>
    requests
      .filter(({ direction, exportTargets }) => direction !== 'from-port' && exportTargets.length > 0)
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
  const sites = nodes.filter(({ daemon }) => daemon !== null).flatMap(sitesOf)
  for (const [id, requests] of networksOf(node, 'ipvpn')) {
    const device = deviceOf(node, id)
    due.add(`mpls-interface ${CORE}`)
    for (const vrf of [device, DEAD_END])
      for (const text of [`link ${vrf}`, `nothing 0.0.0.0/0 of ${vrf}`, `nothing ::/0 of ${vrf}`])
        due.add(text)
    for (const request of requests) for (const text of endpointTexts(request, device)) due.add(text)
    for (const [prefix, hops] of waysOf(node, id, requests, sites))
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
  sites: readonly Site[],
): Map<string, Set<string>> {
  const ways = new Map<string, Set<string>>()
  const add = (prefix: string, hop: string) => ways.set(prefix, (ways.get(prefix) ?? new Set()).add(hop))
  for (const request of requests) {
    if (request.direction === 'from-port') continue
    for (const [prefix, hop] of localWays(request)) add(prefix, hop)
  }
  const own = new Set(ways.keys())
  const { importTargets } = requests[0]!
  for (const { node: other, instance, request } of sites) {
    if (other === node && instance === id) continue
    if (!request.exportTargets.some((target) => importTargets.includes(target))) continue
    const prefix = prefixOf(request)
    if (own.has(prefix)) continue
    if (other === node) for (const [local, hop] of localWays(request)) if (local === prefix) add(prefix, hop)
    if (other !== node) add(prefix, `${CORE} ${formatIp(other.address)} ${labelOf(other, instance, request)}`)
  }
  for (const { direction, ip } of requests) {
    const prefix = `${formatIp(ip!.ip)}/32`
    if (direction === 'from-port' && !ways.has(prefix)) add(prefix, `${DEAD_END} - `)
  }
  return ways
}

/** Packets for the address go out by the port to it, those for its subnet to the address. */
function* localWays(request: AttachRequest): Iterable<[prefix: string, hop: string]> {
  const address = formatIp(request.ip!.ip)
  yield [`${address}/32`, `${request.port} - `]
  if (request.advertiseSubnet) yield [prefixOf(request), `${request.port} ${address} `]
}

function deviceOf(node: Node, id: string): string {
  const instance = node.daemon!.vpns.instances.get(id)
  return instance?.type === 'ipvpn' ? instance.vrf.config.device : `no VRF ${id}`
}

function labelOf(node: Node, id: string, { mac }: AttachRequest): string {
  const attachments = [...(node.daemon!.vpns.instances.get(id)?.attachments ?? [])]
  return String(attachments.find((one) => one.mac === mac)?.label)
}
