import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { mobilityOf } from '../../src/bgp/rib/best-path.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { encapsulation, macMobility } from '../../src/bgp/values/extended-community.ts'
import { isMacRoute } from '../../src/evpn/select.ts'
import { formatIp, parseInterfaceAddress } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import { mac, TestNode } from '../support/node.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const OTHER = '10.77.0.9'
const IP = '192.168.10.7'
const M1 = '02:00:00:00:99:01'
const M2 = '02:00:00:00:99:02'
const source = localSource('other')

let clock: VirtualClock
let reflector: Speaker
let here: TestNode
let listener: TestNode

beforeEach(async () => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const addresses = ['10.77.0.11', '10.77.0.12']
  const clients = addresses.map((address) => peerConfig(address, { reflectorClient: true }))
  reflector = speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  ;[here, listener] = addresses.map((address) =>
    new TestNode(address, [peerConfig(RR)], clock, network).withPorts('tap1', 'tap2'),
  ) as [TestNode, TestNode]
  await listener.attach({ mac: mac('02:00:00:00:88:01'), ip: parseInterfaceAddress('192.168.10.88/24')! })
  clock.advance(1000)
})

/** Another node advertises the address with the first MAC address, which has moved so often. */
function advertise(sequence: number, nextHop = OTHER): void {
  const extendedCommunities = [encapsulation(8), rt('64512:10'), macMobility({ sticky: false, sequence })]
  reflector.originate(source, EVPN, macRoute(OTHER, M1, IP), { extendedCommunities }, ip(nextHop))
  clock.advance(1000)
}

const attach = async (changes: Parameters<TestNode['attach']>[0] = {}) => {
  await here.attach({ mac: mac(M2), port: 'tap2', ip: parseInterfaceAddress(`${IP}/24`)!, ...changes })
  clock.advance(1000)
}
const attachFirst = () => here.attach()

/** What this node advertises for the second MAC address, with the sequence of each. */
const sequences = (): Record<string, number> =>
  Object.fromEntries(
    [...here.speaker.rib.ownRoutes(EVPN)]
      .filter(isMacRoute)
      .filter(({ nlri }) => nlri.mac === mac(M2))
      .map(({ nlri, set }) => [nlri.ip === null ? '-' : formatIp(nlri.ip), mobilityOf(set).sequence]),
  )

/** Whose the address is for the other nodes. */
const owner = () =>
  listener
    .wanted()
    .flatMap((entry) => (entry.kind === 'neighbour' && entry.ip === ip(IP) ? formatMac(entry.mac) : []))

describe('an IP address that comes to another MAC address outbids the routes for it (RFC 9721 §6)', () => {
  test('of an endpoint that is attached with it', async () => {
    await attachFirst()
    clock.advance(20_000)
    advertise(5)
    expect(owner()).toEqual([M1])
    await attach()
    expect(sequences()).toEqual({ [IP]: 6 })
    expect(owner()).toEqual([M2])
  })

  test('of a MAC address that is here already, on all its routes', async () => {
    await attach({ ip: parseInterfaceAddress('192.168.10.6/24')! })
    clock.advance(20_000)
    advertise(5)
    await attach()
    expect(sequences()).toEqual({ '192.168.10.6': 6, [IP]: 6 })
    expect(owner()).toEqual([M2])
  })

  test('that turn up just after the first attach of the network here', async () => {
    advertise(5)
    await attach()
    clock.advance(5000)
    expect(sequences()[IP]).toBeGreaterThan(1_600_000_000)
    expect(owner()).toEqual([M2])
  })

  test('but not those that are advertised later: the address has gone on', async () => {
    await attach()
    clock.advance(20_000)
    advertise(5)
    expect(sequences()).toEqual({ [IP]: 0 })
    expect(owner()).toEqual([M1])
  })

  test('nor again when the attach is repeated, or it has outbid them anyway', async () => {
    await attachFirst()
    clock.advance(20_000)
    advertise(5)
    await attach()
    await attach()
    expect(sequences()).toEqual({ [IP]: 6 })
    advertise(3)
    await here.detach({ mac: mac(M2), ip: ip(IP) })
    await attach({ ip: parseInterfaceAddress('192.168.10.6/24')! })
    await attach()
    expect(sequences()).toEqual({ '192.168.10.6': 4, [IP]: 4 })
  })
})

test('an address that goes from MAC address to MAC address makes none of them a duplicate', async () => {
  await attach({ ip: parseInterfaceAddress('192.168.10.6/24')! })
  clock.advance(20_000)
  for (let move = 0; move < 12; move++) {
    advertise(2 * move)
    await attach()
    expect(owner()).toEqual([M2])
    await here.detach({ mac: mac(M2), ip: ip(IP) })
  }
  const instance = here.vpns.instances.get('net1')!
  expect(instance.type === 'evpn' && [...instance.macVrf.mobility.duplicateMacs()]).toEqual([])
})

test('endpoints from before a restart do not raise their sequence', async () => {
  await attach()
  clock.advance(20_000)
  advertise(5)
  const later = new TestNode('10.77.0.13', [], clock, new VirtualNetwork(clock))
  await later.vpns.restore(here.vpns.snapshot())
  const [restored] = [...later.speaker.rib.ownRoutes(EVPN)].filter(isMacRoute)
  expect(mobilityOf(restored!.set).sequence).toBe(0)
})
