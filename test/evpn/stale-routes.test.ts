import { beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { writeEndOfRib, writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { mobilityOf } from '../../src/bgp/rib/best-path.ts'
import { encapsulation, macMobility } from '../../src/bgp/values/extended-community.ts'
import { isMacRoute } from '../../src/evpn/select.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import { mac, TestNode } from '../support/node.ts'
import { internalAttributes, openOf, RawPeer, RESTART } from '../support/raw-peer.ts'
import { ip, macRoute, peerConfig, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const NODE = '10.77.0.11'
const IP = '192.168.10.7'
/** Two other nodes, each with a VM of its own. */
const N1 = { address: '10.77.0.21', mac: '02:00:00:00:99:01' }
const N2 = { address: '10.77.0.22', mac: '02:00:00:00:99:02' }

let clock: VirtualClock
let network: VirtualNetwork
let node: TestNode

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const peers = [peerConfig(RR, { passive: true })]
  const seconds = { headlessSeconds: 86_400, vanishedSeconds: 15 }
  node = new TestNode(NODE, peers, clock, network, seconds).withPorts('tap1', 'tap2')
})

function connect(): RawPeer {
  const capabilities = { ...openOf().capabilities, gracefulRestart: RESTART }
  const reflector = RawPeer.connect(network.transport, ip(RR), ip(NODE), 179).behave({ capabilities })
  clock.advance(100)
  return reflector
}

function lose(): void {
  network.reset(ip(RR), ip(NODE))
  clock.advance(100)
}

/** The node advertises the IP address with the MAC address of its VM. */
function advertise(reflector: RawPeer, { address, mac }: typeof N1, sequence = 0): void {
  const extendedCommunities = [encapsulation(8), rt('64512:10'), macMobility({ sticky: false, sequence })]
  const attributes = internalAttributes({ extendedCommunities })
  reflector.write((w) =>
    writeReach(w, EVPN, ip(address), [macRoute(address, mac, IP)], attributes, DEFAULT_CONTEXT),
  )
  clock.advance(100)
}

function withdraw(reflector: RawPeer, { address, mac }: typeof N1): void {
  reflector.write((w) => writeUnreach(w, EVPN, [macRoute(address, mac, IP)], DEFAULT_CONTEXT))
  clock.advance(100)
}

function end(reflector: RawPeer): void {
  reflector.write((w) => {
    writeEndOfRib(w, ROUTE_TARGET)
    writeEndOfRib(w, EVPN)
  })
  clock.advance(100)
}

/** The MAC address that answers for the IP address. */
const owner = () =>
  node.wanted().flatMap((one) => (one.kind === 'neighbour' && one.ip === ip(IP) ? formatMac(one.mac) : []))

describe('of two MAC addresses with one IP address', () => {
  beforeEach(() => node.attach())

  test('that of a node that vanished loses it at once', () => {
    const reflector = connect()
    advertise(reflector, N1)
    advertise(reflector, N2)
    expect(owner()).toEqual([N1.mac])
    withdraw(reflector, N1)
    expect(owner()).toEqual([N2.mac])
  })

  test('that of a lost session loses it to one that is advertised again, and gets it back when it is, too', () => {
    const reflector = connect()
    advertise(reflector, N1)
    advertise(reflector, N2)
    end(reflector)
    lose()
    const again = connect()
    advertise(again, N2)
    expect(owner()).toEqual([N2.mac])
    advertise(again, N1)
    expect(owner()).toEqual([N1.mac])
  })
})

/** The mobility sequences with which the node advertises the MAC address of its VM. */
const sequences = () =>
  [...node.speaker.rib.ownRoutes(EVPN)]
    .filter(isMacRoute)
    .filter(({ nlri }) => nlri.mac === mac(N1.mac))
    .map(({ set }) => mobilityOf(set).sequence)

test('a VM that comes here while no reflector answers outbids where it was, also with the first attach of its network', async () => {
  const imported = { importTargets: [rt('64512:10')], exportTargets: [rt('64512:20')] }
  await node.attach({ instanceId: 'net2', vni: 200, ...imported })
  const reflector = connect()
  advertise(reflector, N1, 5)
  end(reflector)
  clock.advance(60_000)
  lose()
  await node.attach({ mac: mac(N1.mac), ip: parseInterfaceAddress(`${IP}/24`)!, port: 'tap2' })
  clock.advance(60_000)
  advertise(connect(), N1, 5)
  expect(sequences()).toHaveLength(1)
  expect(sequences()[0]).toBeGreaterThan(5)
})

test('a VM is in two places only if the other one is advertised: a stale route is none', async () => {
  const isShared = async () => {
    clock.advance(61_000)
    const { problems } = (await node.api().inject('/status')).json<{ problems: string[] }>()
    return problems.some((problem) => problem.includes('advertised by others at the same time'))
  }
  const reflector = connect()
  await node.attach()
  advertise(reflector, N1)
  end(reflector)
  lose()
  await node.attach({ mac: mac(N1.mac), ip: parseInterfaceAddress(`${IP}/24`)!, port: 'tap2' })
  expect(await isShared()).toBe(false)
  advertise(connect(), N1)
  expect(await isShared()).toBe(true)
})
