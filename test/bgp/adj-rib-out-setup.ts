import { pino } from 'pino'
import { beforeEach } from 'vitest'
import { EVPN, type Family, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { type Capabilities, noCapabilities } from '../../src/bgp/message/capability.ts'
import { localSource, type Source } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { logged } from '../support/events.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** What one peer is sent, in one session and the next. */

export const A = '10.77.0.11'
export const B = '10.77.0.12'
export const RED = rt('64512:10')
export const BLUE = rt('64512:20')
export const MAC1 = '02:00:00:00:01:01'
export const MAC2 = '02:00:00:00:01:02'
const FAMILIES = [EVPN, VPNV4, ROUTE_TARGET]
export let clock: VirtualClock
export let network: VirtualNetwork
export let speaker: Speaker
export let source: Source
export let lines: Record<string, unknown>[]

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  lines = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const peers = [peerConfig(B, { passive: true, families: FAMILIES })]
  speaker = speakerAt(A, peers, clock, network, {}, () => {}, logged(log, clock))
  source = localSource('EVI-1')
})

export const vpnRoute = (number: number) => ({
  rd: ipv4Rd(ip(A), 1),
  label: 16 << 4,
  ip: ip(`11.0.0.${number}`),
  length: 32,
})

export const originate = (mac: string, target = RED): void =>
  void speaker.originate(source, EVPN, macRoute(A, mac, null), { extendedCommunities: [target] })

export function connect(families: Family[] = [EVPN], changes: Partial<Capabilities> = {}): RawPeer {
  const capabilities = {
    ...noCapabilities(),
    families,
    fourOctetAs: 64512,
    routeRefresh: true,
    enhancedRouteRefresh: true,
    ...changes,
  }
  const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({ identifier: 12, capabilities })
  clock.advance(100)
  return peer
}

/** The MAC addresses advertised to the peer, and the families with End-of-RIB, in order. */
export function received(peer: RawPeer): (string | number)[] {
  return peer
    .of('update')
    .flatMap(({ update }) => [
      ...update.reach.flatMap(({ nlri }) =>
        nlri.flatMap((one) => ('mac' in one ? `+${one.mac.toString(16)}` : [])),
      ),
      ...update.unreach.flatMap(({ nlri }) =>
        nlri.flatMap((one) => ('mac' in one ? `-${one.mac.toString(16)}` : [])),
      ),
      ...(update.endOfRib === null ? [] : [update.endOfRib]),
    ])
}
