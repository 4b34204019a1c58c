import type { BgpPeer } from '../../bgp/bgp-peer.ts'
import {
  EVPN,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  familyName,
  ROUTE_TARGET,
  VPN_FAMILIES,
  VPNV4,
  VPNV6,
} from '../../bgp/family.ts'
import { MEMBERSHIPS, type Speaker } from '../../bgp/speaker.ts'
import type { LogHealth } from '../../log-output/log-output.ts'
import type { LogSubject } from '../../recent-log.ts'
import { parseIp } from '../../values/address.ts'
import { formatTime } from '../../values/time.ts'
import type { VpnInstance } from '../../vpn/instance.ts'
import { VPN_TYPES, type VpnType } from '../../vpn/request.ts'
import type { VpnService } from '../../vpn/service.ts'
import type { StateFileHealth } from '../../vpn/state-file.ts'
import type { DataplaneView } from '../dataplane-view.ts'
import { instanceNode } from './instances.ts'
import { logsNode, type RecentRecords } from './logs.ts'
import { peerNode, peerSummary } from './peers.ts'
import { chains, showRoutes } from './routes.ts'
import { collection, inline, leaf, type Node, tree } from './tree.ts'

/** The sources of the looking glass. */
export interface Views {
  readonly speaker: Speaker
  /** Null for a program without VPN services. */
  readonly services: ServiceViews | null
  readonly config: unknown
  readonly version: string
  /** Epoch milliseconds. */
  readonly startTime: number
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Milliseconds since the start, independent of changes of the time of day. */
  readonly uptimeMs: () => number
  readonly recentLog: RecentRecords
  readonly logHealth: () => LogHealth
  /** Mistakes of the configuration, and files that expose secrets, in sentences. */
  readonly configProblems: () => readonly string[]
}

/** The sources that only a compute node has. */
export interface ServiceViews {
  readonly vpns: VpnService
  readonly dataplane: DataplaneView
  /** Null when no state is kept. */
  readonly stateFile: (() => StateFileHealth) | null
  /** By the type of VPN. */
  readonly drivers: Readonly<Record<VpnType, DriverView>>
}

export interface DriverView {
  readonly name: string
  readonly config: unknown
  readonly localAddress: string
  readonly kernelRelease: string
  /** As the looking glass spells them: `encap:VXLAN`. */
  readonly encapsulations: readonly string[]
  /** What the kernel lacks for any forwarding; null when nothing. */
  lacks(): string | null
}

const SHOWN_FAMILIES = [VPNV4, VPNV6, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6, ROUTE_TARGET, EVPN]

/** The tree of bagpipe-bgp's looking glass; `base` is its own address, the prefix of links. */
export function lookingGlass(views: Views, base: string): Node {
  return tree(() => ({
    summary: inline(() => summary(views)),
    config: leaf(() => views.config),
    bgp: bgpNode(views, base),
    ...(views.services === null ? {} : { vpns: vpnsNode(views.services, views.recentLog, base) }),
    logs: logsNode(views.recentLog),
  }))
}

function summary({ speaker, services, recentLog, startTime, version }: Views): unknown {
  const peers = [...speaker.peers.values()]
  return {
    BGP_established_peers: peers.filter(({ sessions }) => sessions.state === 'Established').length,
    route_counts: routeCounts(speaker),
    ...(services === null ? {} : { vpn_instances_count: services.vpns.instances.size }),
    warnings_and_errors: recentLog().length,
    start_time: formatTime(startTime),
    version,
    ...(services === null ? {} : { dataplane_entries: services.dataplane.counts() }),
  }
}

function routeCounts({ rib, peers }: Speaker): unknown {
  let local = 0
  for (const family of VPN_FAMILIES) for (const _ of rib.ownRoutes(family)) local++
  let received = 0
  for (const { source } of peers.values()) received += source.routeCount
  return { local_routes_count: local, received_routes_count: received }
}

function bgpNode({ speaker, services, recentLog }: Views, base: string): Node {
  const { peers, rib, config } = speaker
  const instances = [...(services?.vpns.instances.values() ?? [])]
  const peer = (peer: BgpPeer | undefined): Node | undefined =>
    peer && peerNode(peer, config.routeTargetConstraint, recentLog, base)
  const peerOf = (name: string): Node | undefined => {
    const address = parseIp(name)
    return address === undefined ? undefined : peer(peers.get(address))
  }
  const instance = (name: string): Node | undefined => {
    const found = instances.find(({ routing }) => routing.config.name === name)
    return found && instanceNode(found, services!.dataplane, recentLog, base)
  }
  const memberships = leaf(() => showRoutes(rib.ownRoutes(ROUTE_TARGET), base))
  const worker = (name: string): Node | undefined => {
    if (name.startsWith('BGP-')) return peerOf(name.slice('BGP-'.length))
    return name === MEMBERSHIPS ? tree(() => ({ adv_routes: memberships })) : instance(name)
  }
  return tree(() => ({
    peers: collection(() => [...peers.values()].map(peerSummary), peerOf),
    routes: leaf(() =>
      Object.fromEntries(
        SHOWN_FAMILIES.map((family) => [
          `${familyName(family)},*`,
          showRoutes(chains(rib.best(family)), base),
        ]),
      ),
    ),
    workers: collection(
      () => [
        ...[...peers.values()].map(({ source }) => ({ id: source.name })),
        ...instances.map(({ routing }) => ({ id: routing.config.name })),
      ],
      worker,
    ),
    route_counts: inline(() => routeCounts(speaker)),
    adv_routes: memberships,
  }))
}

function vpnsNode({ vpns, dataplane, drivers }: ServiceViews, recentLog: RecentRecords, base: string): Node {
  const instances = (): VpnInstance[] => [...vpns.instances.values()]
  return tree(() => ({
    instances: collection(
      () =>
        instances().map(({ routing, description }) => ({
          id: routing.config.id,
          name: routing.config.name,
          ...(description === null ? {} : { description }),
        })),
      (id) => {
        const instance = vpns.instances.get(id)
        return instance && instanceNode(instance, dataplane, recentLog, base)
      },
    ),
    dataplane: tree(() => ({
      drivers: collection(
        () => VPN_TYPES.map((id) => ({ id })),
        (name) => {
          const type = VPN_TYPES.find((id) => id === name)
          return type && driverNode(type, drivers[type], recentLog)
        },
      ),
      ids: leaf(() => Object.fromEntries(vpns.labels.entries())),
    })),
    instances_per_vni: inline(() =>
      Object.fromEntries(
        instances().flatMap((instance) => {
          if (instance.type !== 'evpn' || !instance.vniGiven) return []
          const { vni, name, id } = instance.macVrf.config
          return [[vni, { name, external_instance_id: id }]]
        }),
      ),
    ),
  }))
}

/** Log lines of forwarding concern both types; nothing is forwarded by the dummy driver. */
function driverNode(type: VpnType, view: DriverView, recentLog: RecentRecords): Node {
  const { name, config, localAddress, kernelRelease, encapsulations } = view
  const about: readonly LogSubject[] = [
    `vpn ${type}`,
    ...(name === 'dummy' ? [] : ['part dataplane' as const]),
  ]
  return tree(() => ({
    name: inline(() => name),
    local_address: inline(() => localAddress),
    supported_encaps: inline(() => encapsulations),
    config: inline(() => config),
    kernel_release: inline(() => kernelRelease),
    logs: logsNode(recentLog, () => about),
  }))
}
