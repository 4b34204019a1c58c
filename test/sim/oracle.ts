import { EVPN } from '../../src/bgp/family.ts'
import type { MacIpRoute } from '../../src/bgp/nlri/evpn/type2.ts'
import type { Route } from '../../src/bgp/rib/route.ts'
import { macMobilityOf, type RouteTarget } from '../../src/bgp/values/extended-community.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { keyOf } from './agent.ts'
import { gatewayFaults, gatewaysIn, gatewayTexts } from './irb-oracle.ts'
import { describe, held } from './kernel-view.ts'
import { exchange, type Node, networksOf } from './machines.ts'
import { dueVpnEntries, dueVpnRoutes, vpnRoutes } from './vrf-oracle.ts'

/** What is wrong in a network that has come to rest; nothing when every node forwards as all attachments together say. */
export function* contradictions(nodes: readonly Node[]): Iterable<string> {
  for (const node of nodes) {
    const { daemon, agent } = node
    if (daemon === null) continue
    const name = formatIp(node.address)
    for (const answer of agent.wrongAnswers) yield `${name} ${answer}`
    for (const request of agent.refused())
      if (!mayBeRefused(node, request)) yield `${name} refuses ${keyOf(request)}`
    yield* difference(`${name} advertises`, advertised(node), dueAdvertisements(node))
    yield* difference(`${name} advertises`, vpnRoutes(node), dueVpnRoutes(node, nodes))
    const due = new Set([...dueEntries(node, nodes), ...dueVpnEntries(node, nodes)])
    yield* difference(`${name} wants`, wanted(daemon), due)
    const marked = new Set([...due].filter((text) => !text.startsWith('mpls-interface')))
    yield* difference(`${name}: the kernel holds`, held(node, devicesInSight(node, daemon)), marked)
    for (const { entry, status } of daemon.reconciler.statuses.entries()) {
      if (!node.driver.holds(entry))
        yield `${name}: the kernel lacks ${describe(entry)}: it is ${status.state}, ${status.reason}`
    }
    for (const entry of daemon.reconciler.statuses.stale())
      yield `${name}: the kernel still holds ${describe(entry)}`
  }
  yield* gatewayFaults(nodes)
}

/** Only an IRB attach without its EVPN instance may be refused, and an address that another has. */
function mayBeRefused(node: Node, { instanceId, port, mac, ip }: AttachRequest): boolean {
  const evpns = networksOf(node, 'evpn')
  if (typeof port !== 'string') return !evpns.has(port.evpn)
  const others = evpns.get(instanceId) ?? []
  return ip !== null && others.some((other) => other.mac !== mac && other.ip?.ip === ip.ip)
}

function* difference(what: string, seen: ReadonlySet<string>, due: ReadonlySet<string>): Iterable<string> {
  for (const one of due) if (!seen.has(one)) yield `${what} not: ${one}`
  for (const one of seen) if (!due.has(one)) yield `${what} though it must not: ${one}`
}

function advertised(node: Node): Set<string> {
  return new Set([...node.daemon!.speaker.rib.ownRoutes(EVPN)].map(routeText))
}

function routeText({ nlri, set }: Route): string {
  const targets = [...set.routeTargets].sort().map((target) => Buffer.from(target, 'latin1').toString('hex'))
  if (!('type' in nlri)) return 'no EVPN route'
  if (nlri.type === 3) return `multicast vni ${set.attributes.pmsiTunnel?.label} ${targets}`
  if (nlri.type !== 2) return `type ${nlri.type}`
  return `${formatMac(nlri.mac)} ${nlri.ip === null ? '-' : formatIp(nlri.ip)} vni ${nlri.label} ${targets}`
}

function dueAdvertisements(node: Node): Set<string> {
  const due = new Set<string>()
  for (const requests of networksOf(node, 'evpn').values()) {
    const { vni, exportTargets } = requests[0]!
    const targets = [...exportTargets].sort().map((target) => Buffer.from(target, 'latin1').toString('hex'))
    if (targets.length === 0) continue
    due.add(`multicast vni ${vni} ${targets}`)
    for (const { mac, ip, direction } of requests) {
      if (direction === 'from-port') continue
      due.add(`${formatMac(mac)} ${ip === null ? '-' : formatIp(ip.ip)} vni ${vni} ${targets}`)
    }
  }
  return due
}

/**
 * Where no undesired entry may be. Without a state file, a network or a veth pair that ended while the daemon was away is stale;
 * it stays until a cleanup.
 */
function devicesInSight({ remembers, agent, driver }: Node, { reconciler }: Daemon): string[] {
  const links = [...driver.kernel.links.values()]
  const attached = new Set([...agent.attached()].map(({ instanceId }) => `chanter:${instanceId}`))
  const wanted = new Set([...reconciler.statuses.entries()].map(({ entry }) => entry.device))
  return links
    .filter(({ name, kind, alias }) => {
      return remembers || wanted.has(name) || (kind !== 'veth' && alias !== null && attached.has(alias))
    })
    .map(({ name }) => name)
}

function wanted({ reconciler }: Daemon): Set<string> {
  return new Set([...reconciler.statuses.entries()].map(({ entry }) => describe(entry)))
}

type Daemon = NonNullable<Node['daemon']>

interface Candidate {
  readonly at: Ip
  readonly vni: number
  readonly mac: number
  readonly ip: Ip | null
  readonly sequence: number
  readonly key: string
}

/** What a node must want, going by what all agents want and by the mobility sequences that are advertised. */
function dueEntries(node: Node, nodes: readonly Node[]): Set<string> {
  const due = new Set<string>()
  for (const [id, requests] of networksOf(node, 'evpn')) {
    const { importTargets } = requests[0]!
    for (const text of [`link evpn---${id}`, `link vxlan--${id}`]) due.add(text)
    for (const text of gatewayTexts(node, id)) due.add(text)
    due.add(`port vxlan--${id} of evpn---${id}`)
    for (const { port, mac } of requests) {
      due.add(`port ${port} of evpn---${id}`)
      due.add(`local-mac ${formatMac(mac)} on ${port}`)
    }
    const localMacs = new Set(requests.map(({ mac }) => mac))
    const gateways = gatewaysIn(node, id)
    for (const [ip, mac] of gateways) due.add(`neighbour ${formatIp(ip)} on evpn---${id} is ${mac}`)
    const localIps = new Set([...requests.map(({ ip }) => ip?.ip), ...gateways.keys()])
    const candidates: Candidate[] = []
    for (const other of nodes) {
      if (other === node || other.daemon === null || !exchange(node, other)) continue
      for (const theirs of networksOf(other, 'evpn').values()) {
        const [{ exportTargets, vni: theirVni }] = theirs as [AttachRequest, ...AttachRequest[]]
        if (!exportTargets.some((target: RouteTarget) => importTargets.includes(target))) continue
        due.add(`flood to ${formatIp(other.tunnelAddress)} vni ${theirVni} on vxlan--${id}`)
        for (const { mac, ip, direction } of theirs) {
          if (direction === 'from-port') continue
          const { sequence, key } = advertisedMac(other, theirVni, mac, ip?.ip ?? null)
          candidates.push({ at: other.tunnelAddress, vni: theirVni!, mac, ip: ip?.ip ?? null, sequence, key })
        }
      }
    }
    for (const mac of new Set(candidates.map((one) => one.mac))) {
      if (localMacs.has(mac)) continue
      const { at, vni: remoteVni } = best(candidates.filter((one) => one.mac === mac))
      due.add(`remote-mac ${formatMac(mac)} on vxlan--${id} at ${formatIp(at)} vni ${remoteVni}`)
    }
    for (const ip of new Set(candidates.map((one) => one.ip))) {
      if (ip === null || localIps.has(ip)) continue
      due.add(
        `neighbour ${formatIp(ip)} on evpn---${id} is ${formatMac(best(candidates.filter((one) => one.ip === ip)).mac)}`,
      )
    }
  }
  return due
}

/** What a node advertises of an address: its mobility sequence, and the key of the route. */
export function advertisedMac(
  { daemon }: Node,
  vni: number | null,
  mac: number,
  ip: Ip | null,
): Pick<Candidate, 'sequence' | 'key'> {
  const route = [...daemon!.speaker.rib.ownRoutes(EVPN)].find(
    ({ nlri }) => isMac(nlri) && nlri.mac === mac && nlri.label === vni && nlri.ip === ip,
  )
  const communities = route?.set.attributes.extendedCommunities ?? []
  const mobility = communities.map(macMobilityOf).find((one) => one !== undefined)
  return { sequence: mobility?.sequence ?? 0, key: route?.key ?? '' }
}

const isMac = (nlri: Route['nlri']): nlri is MacIpRoute => 'type' in nlri && nlri.type === 2

/** The higher sequence, then the lower address (RFC 7432 §15.1); among routes of one node it makes no difference. */
function best(candidates: readonly Candidate[]): Candidate {
  return [...candidates].sort(
    (a, b) => b.sequence - a.sequence || (a.at < b.at ? -1 : a.at > b.at ? 1 : a.key < b.key ? -1 : 1),
  )[0]!
}
