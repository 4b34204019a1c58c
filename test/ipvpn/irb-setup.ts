import { beforeEach, expect } from 'vitest'
import { EVPN, VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import type { VpnConfig } from '../../src/vpn/config.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { mac, TestNode } from '../support/node.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { words } from './words.ts'

export const A = '10.77.0.11'
export const B = '10.77.0.12'
const RR = '10.77.0.1'
export const families = [EVPN, VPNV4, VPNV6]

export let clock: VirtualClock
let network: VirtualNetwork
export let a: TestNode

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const clients = [A, B].map((address) => peerConfig(address, { families, reflectorClient: true }))
  speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  a = node(A)
})

export function node(address: string, changes: Partial<VpnConfig> = {}): TestNode {
  const made = new TestNode(address, [peerConfig(RR, { families })], clock, network, {}, changes)
  for (const name of ['tap1', 'tap2', 'mpls0']) made.driver.kernel.addLink(name, { up: true })
  return made
}

export const first = { mac: mac('02:00:00:00:01:01'), port: 'tap1' }
export const second = { mac: mac('02:00:00:00:01:02'), port: 'tap2' }

/** Attaches to the EVPN instance `l2`. */
export const bridge = (of: TestNode, which = first, changes: Partial<AttachRequest> = {}) =>
  of.attach({
    instanceId: 'l2',
    importTargets: [rt('64512:1')],
    exportTargets: [rt('64512:1')],
    ...which,
    ...changes,
  })
export const unbridge = (of: TestNode, which = first) =>
  of.detach({ instanceId: 'l2', mac: which.mac, ip: null })

/** Attaches to the IP VPN `l3` what is in the EVPN instance. */
export const attachIrb = (of: TestNode, address = '192.168.10.1/24', changes: Partial<AttachRequest> = {}) =>
  of.attach({
    instanceId: 'l3',
    type: 'ipvpn',
    vni: null,
    ...first,
    port: { evpn: 'l2' },
    ip: parseInterfaceAddress(address)!,
    gatewayIp: ip(address.includes(':') ? '2001:db8::ffff' : '192.168.10.254'),
    ...changes,
  })
export const detachIrb = (of: TestNode, address = '192.168.10.1', which = first, instanceId = 'l3') =>
  of.detach({ instanceId, type: 'ipvpn', mac: which.mac, ip: ip(address) })

/** What is wanted, with short names for the ends of the veth pair. */
export function wanted(of: TestNode): string[] {
  clock.advance(1000)
  return of.wanted().map(words).map(short).sort()
}
const short = (text: string) => text.replaceAll(/(vrf2e|e2vrf)--\w{8}/g, '$1')

/** What is wanted of the veth pair, and by it. */
export const ofVeth = (of: TestNode) => wanted(of).filter((text) => /vrf2e|e2vrf|254|ffff/.test(text))

export const advertised = (of: TestNode): string[] =>
  families.flatMap((family) =>
    [...of.speaker.rib.ownRoutes(family)].map(({ nlri }) => nlriCodec(family)!.format(nlri)),
  )

/** Everything that a failed request must leave as it was. */
export function snapshot(of: TestNode): unknown {
  clock.advance(100)
  const links = [...of.driver.kernel.links.keys()].sort()
  const { numbers: _, ...state } = of.vpns.snapshot()
  return {
    wanted: wanted(of),
    advertised: advertised(of),
    labels: [...of.vpns.labels.entries()],
    links,
    state,
  }
}

/** The device that has the short name. */
export const named = (of: TestNode, prefix: string): string =>
  [...of.driver.kernel.links.keys()].find((name) => name.startsWith(prefix))!

export const VETH = [
  'address 192.168.10.254/24 on vrf2e',
  'e2vrf in evpn---l2',
  'e2vrf to vrf2e',
  expect.stringMatching(/^local-mac 02:.* on e2vrf$/),
  expect.stringMatching(/^neighbour 192.168.10.254 on evpn---l2 is 02:/),
  'vrf2e in bvrf-2',
  'vrf2e to e2vrf',
]
export const ENDPOINT = [
  '192.168.10.1/32 in bvrf-2 by vrf2e',
  'fixed-neighbour 192.168.10.1 on vrf2e',
  'label 17 by vrf2e via 192.168.10.1',
]
export const all = (...texts: unknown[]) => expect.arrayContaining(texts)
