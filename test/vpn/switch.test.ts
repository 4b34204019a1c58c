import { beforeEach, expect, test } from 'vitest'
import { PmsiTunnelType, TunnelType } from '../../src/bgp/constants.ts'
import { EVPN, VPNV4 } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { MacVrf } from '../../src/evpn/mac-vrf.ts'
import { MOBILITY_DEFAULTS } from '../../src/evpn/mobility.ts'
import type { IpEndpoint } from '../../src/ipvpn/endpoint.ts'
import { ProviderEdge } from '../../src/ipvpn/provider-edge.ts'
import { Vrf } from '../../src/ipvpn/vrf.ts'
import { TunnelEnds } from '../../src/values/tunnel-ends.ts'
import { mac } from '../support/node.ts'
import { ip, macRoute, rt, speakerAt } from '../support/speakers.ts'
import { Switch } from '../support/switch.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = ip('10.77.0.11')
const B = '10.77.0.12'
const C = '10.77.0.13'
const RED = rt('64512:10')
const VXLAN = [encapsulation(TunnelType.Vxlan), RED]
const GUEST = '02:00:00:00:01:01'
const ends = new TunnelEnds([US], [])

let clock: VirtualClock
let speaker: Speaker
let flows: Switch

beforeEach(() => {
  clock = new VirtualClock()
  speaker = speakerAt('10.77.0.11', [], clock, new VirtualNetwork(clock))
  flows = new Switch()
})

const endpoint: IpEndpoint = {
  mac: mac(GUEST),
  ip: ip('192.168.10.1'),
  prefixLength: 24,
  port: 'tap1',
  irb: null,
  direction: 'both',
  localPref: null,
  gatewayIp: ip('192.168.10.254'),
  label: 16,
  hashOrder: 0,
  advertiseSubnet: false,
  rdNumber: null,
  readvertiseRd: null,
}

function macVrf(): MacVrf {
  const rd = ipv4Rd(US, 1)
  const nothing = () => {}
  const own = { id: 'net1', name: 'EVI-1', rd, vtep: US, vni: 100, ends, mobility: MOBILITY_DEFAULTS }
  return new MacVrf({ ...own, duplicate: nothing, sequenceChanged: nothing }, speaker, flows)
}

function vrf(): Vrf {
  const edge = new ProviderEdge({ address: US, ends, transport: { interface: 'eth0' } })
  return new Vrf({ id: 'vpn1', name: 'VRF-1', rd: ipv4Rd(US, 2), identifier: US }, edge, speaker, flows)
}

/** A provider edge advertises a prefix; answers with how it withdraws it. */
function advertise(edge: string, prefix: string, label: number): () => void {
  const nlri = { rd: ipv4Rd(ip(edge), 1), label: mplsField(label), ip: ip(prefix), length: 32 }
  const source = localSource(edge)
  speaker.originate(source, VPNV4, nlri, { extendedCommunities: [RED] }, ip(edge))
  clock.advance(10)
  return () => {
    speaker.withdraw(source, VPNV4, nlri)
    clock.advance(10)
  }
}

test('a MAC-VRF is enough for a switch without a bridge: remote MACs, ARP, the flood list, gateways', () => {
  const instance = macVrf()
  instance.setTargets([RED], [RED])
  instance.addEndpoint({ ...endpoint, sticky: false })
  const source = localSource(B)
  const far = macRoute(B, '02:00:00:00:02:02', '192.168.10.2', 300)
  speaker.originate(source, EVPN, far, { extendedCommunities: VXLAN }, ip(B))
  const pmsiTunnel = {
    flags: 0,
    tunnelType: PmsiTunnelType.IngressReplication,
    label: 300,
    tunnelId: ip(B),
  }
  const multicast = { type: 3, rd: ipv4Rd(ip(B), 1), ethernetTag: 0, originator: ip(B) } as const
  speaker.originate(source, EVPN, multicast, { extendedCommunities: VXLAN, pmsiTunnel }, ip(B))
  const gateway = { port: 'patch1', mac: mac('02:00:00:00:00:fe'), ips: new Set([ip('192.168.10.254')]) }
  instance.setGateways([{ ...gateway, vrf: { id: 'vpn1', name: 'VRF-1' } }])
  clock.advance(10)
  expect(flows.shown).toEqual([
    'arp_tpa=192.168.10.2 -> reply 02:00:00:00:02:02',
    'arp_tpa=192.168.10.254 -> reply 02:00:00:00:00:fe',
    'dl_dst=02:00:00:00:00:fe -> output patch1',
    'dl_dst=02:00:00:00:02:02 -> tunnel 10.77.0.12 vni 300',
    'flood -> 10.77.0.12 vni 300',
  ])
  instance.close()
  clock.advance(10)
  expect(flows.shown).toEqual([])
})

test('a VRF is enough for a switch without a routing table: local endpoints, and ECMP to provider edges as their paths become known', () => {
  const instance = vrf()
  instance.setTargets([RED], [RED])
  instance.addEndpoint(endpoint)
  advertise(B, '192.168.20.1', 200)
  const withdraw = advertise(C, '192.168.20.1', 300)
  expect(flows.shown).toEqual(['nw_dst=192.168.10.1/32 -> output tap1'])
  flows.resolve(ip(B), '0a:00:00:00:00:0b')
  expect(flows.shown).toContain('nw_dst=192.168.20.1/32 -> push_mpls 200, dl_dst=0a:00:00:00:00:0b')
  flows.resolve(ip(C), '0a:00:00:00:00:0c')
  expect(flows.shown).toContain(
    'nw_dst=192.168.20.1/32 -> push_mpls 200, dl_dst=0a:00:00:00:00:0b | push_mpls 300, dl_dst=0a:00:00:00:00:0c',
  )
  withdraw()
  expect(flows.shown).toContain('nw_dst=192.168.20.1/32 -> push_mpls 200, dl_dst=0a:00:00:00:00:0b')
  instance.close()
  clock.advance(10)
  expect(flows.shown).toEqual([])
})

test('what an endpoint needs beside its route names no device: gateway, label, and whether it may send', () => {
  const instance = vrf()
  instance.addEndpoint(endpoint)
  expect(instance.forwardingOf(endpoint)).toEqual({
    endpoint,
    isAdmitted: true,
    gateway: { ip: ip('192.168.10.254'), prefixLength: 24 },
    delivery: { port: 'tap1', via: ip('192.168.10.1') },
  })
  const silent = { ...endpoint, mac: mac('02:00:00:00:01:02'), port: 'tap2', direction: 'to-port' } as const
  expect(instance.forwardingOf(silent)).toMatchObject({ isAdmitted: false, gateway: null })
})
