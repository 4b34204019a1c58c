import { beforeEach } from 'vitest'
import { EVPN, type Family, FLOWSPEC_VPNV4, VPNV4 } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { attribute, octet, update, WELL_KNOWN } from '../support/update-bytes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

export const RR = '10.77.0.1'
export const A = '10.77.0.11'
const B = '10.77.0.12'
export const FAMILIES = [EVPN, VPNV4, FLOWSPEC_VPNV4]
export const RD = '0000fc000000004d'
export const TARGET = attribute(0xc0, 16, '0002fc000000004d')
export const REST = WELL_KNOWN + TARGET

export let clock: VirtualClock
export let speaker: Speaker
/** Sends; the other, a client like it, receives what is reflected. */
export let peer: RawPeer
export let other: RawPeer

beforeEach(() => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const client = { passive: true, reflectorClient: true, families: FAMILIES }
  const peers = [A, B].map((address) => peerConfig(address, client))
  speaker = speakerAt(RR, peers, clock, network, { clusterId: ip(RR), routeTargetConstraint: false })
  const capabilities = { ...noCapabilities(), families: FAMILIES, fourOctetAs: 64512 }
  const connect = (address: string, identifier: number): RawPeer =>
    RawPeer.connect(network.transport, ip(address), ip(RR), 179).behave({ identifier, capabilities })
  peer = connect(A, 11)
  other = connect(B, 12)
  clock.advance(1000)
})

export const reach = (head: string, nlri: string): string => attribute(0x80, 14, `${head}${nlri}`)
export const VPN = '0001800c0000000000000000c000020200'
export const EVPN_HEAD = '00194604c000020200'
export const unreach = (head: string, nlri: string): Buffer => update(attribute(0x80, 15, head + nlri))

export const vpn = (label: string, bits = '70'): string => `${bits}${label}${RD}0a5801`
export const evpn = (type: number, body: string): string => octet(type) + octet(body.length / 2) + body

export function send(...messages: readonly Buffer[]): void {
  peer.send(...messages)
  clock.advance(1000)
}

/** The routes of the sender in the RIB, in words. */
export function routes(family: Family): string[] {
  return [...speaker.rib.best(family)].map(({ nlri }) => nlriCodec(family)!.format(nlri))
}

/** How often a family's routes were advertised to the other client and withdrawn from it. */
export function reflected(family: Family): { readonly advertised: number; readonly withdrawn: number } {
  const count = (lists: readonly { family: Family; nlri: readonly unknown[] }[]): number =>
    lists.filter((list) => list.family === family).reduce((sum, { nlri }) => sum + nlri.length, 0)
  const updates = other.of('update')
  return {
    advertised: count(updates.flatMap(({ update: { reach: lists } }) => lists)),
    withdrawn: count(updates.flatMap(({ update: { unreach: lists } }) => lists)),
  }
}

export const counters = () => speaker.peers.get(ip(A))!.routesIn.counters
