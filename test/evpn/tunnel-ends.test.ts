import { beforeEach, describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { PmsiTunnelType } from '../../src/bgp/constants.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { type ExtendedCommunity, encapsulation } from '../../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { gatewayMac } from '../../src/ipvpn/irb.ts'
import { formatIp, parseInterfaceAddress } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { VpnConfig } from '../../src/vpn/config.ts'
import { mac, TestNode } from '../support/node.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = '10.77.0.11'
const RR = '10.77.0.1'
const OTHER = '10.77.0.12'
const VM = '02:00:00:00:99:01'
const source = localSource('other')
const communities = [encapsulation(8), rt('64512:10')]
const DEFAULT_GATEWAY = Buffer.from('030d000000000000', 'hex').toString('latin1') as ExtendedCommunity

let clock: VirtualClock
let network: VirtualNetwork
let reflector: Speaker
let node: TestNode

async function start(changes: Partial<VpnConfig> = {}): Promise<void> {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  reflector = speakerAt(RR, [peerConfig(US, { reflectorClient: true })], clock, network, {
    clusterId: ip(RR),
  })
  node = new TestNode(US, [peerConfig(RR)], clock, network, {}, changes).withPorts('tap1', 'tap2', 'mpls0')
  await node.attach()
}

beforeEach(() => start())

/** Another node advertises a VM; resolves once we have received it. */
function advertise(
  nextHop: string,
  address: string | null = '192.168.10.9',
  more: ExtendedCommunity[] = [],
  mac = VM,
): void {
  const attributes: Partial<Attributes> = { extendedCommunities: [...communities, ...more] }
  reflector.originate(source, EVPN, macRoute(OTHER, mac, address), attributes, ip(nextHop))
  clock.advance(1000)
}

function advertiseFlood(end: string, nextHop = end): void {
  const nlri = { type: 3, rd: ipv4Rd(ip(OTHER), 1), ethernetTag: 0, originator: ip(OTHER) } as const
  const pmsiTunnel = {
    flags: 0,
    tunnelType: PmsiTunnelType.IngressReplication,
    label: 100,
    tunnelId: ip(end),
  }
  reflector.originate(source, EVPN, nlri, { extendedCommunities: communities, pmsiTunnel }, ip(nextHop))
  clock.advance(1000)
}

/** What forwarding of remote addresses is wanted. */
const wanted = (): string[] =>
  node
    .wanted()
    .flatMap((entry) => {
      if (entry.kind === 'remote-mac') return `${formatMac(entry.mac)} at ${formatIp(entry.dst)}`
      if (entry.kind === 'flood') return `floods to ${formatIp(entry.dst)}`
      return entry.kind === 'neighbour' ? `${formatIp(entry.ip)} is ${formatMac(entry.mac)}` : []
    })
    .sort()

function setAddresses(...texts: readonly string[]): void {
  node.driver.kernel.setAddresses(texts.map((text) => parseInterfaceAddress(text)!))
  clock.advance(1000)
}

async function explain(address: string): Promise<[string, string | null][]> {
  const answer = await clock.while(node.api().inject(`/explain?address=${encodeURIComponent(address)}`))
  return answer.json().instances[0].routes.map(({ state, reason }: Record<string, string>) => [state, reason])
}

const MAC_ENTRIES = [`${VM} at ${OTHER}`, `192.168.10.9 is ${VM}`].sort()

test.each([
  ['224.0.0.1', 'a multicast address'],
  ['255.255.255.255', 'the limited broadcast address'],
  ['127.0.0.1', 'a loopback address'],
  ['0.0.0.0', 'the unspecified address'],
  [US, 'an address of this node'],
])('nothing is forwarded to %s, and the route says why', async (end, reason) => {
  advertise(end)
  advertiseFlood(end)
  expect(wanted()).toEqual([])
  expect(await explain(VM)).toEqual([['unusable', `next hop is ${reason}`]])
  expect(await explain('192.168.10.9')).toEqual([['unusable', `next hop is ${reason}`]])
})

test('addresses that the node gets are no ends any more, and are again when it loses them', () => {
  advertise(OTHER)
  advertiseFlood(OTHER)
  const all = [...MAC_ENTRIES, `floods to ${OTHER}`]
  expect(wanted()).toEqual(all.sort())
  setAddresses('10.77.0.11/24', '10.77.0.12/32')
  expect(wanted()).toEqual([])
  setAddresses('10.77.0.11/24')
  expect(wanted()).toEqual(all)
  setAddresses('10.77.0.11/24', '10.77.0.13/30')
  expect(wanted()).toEqual([])
})

test('addresses that the node got while notifications were lost are none', () => {
  advertise(OTHER)
  node.driver.kernel.addresses = [parseInterfaceAddress(`${OTHER}/24`)!]
  node.driver.overrun()
  clock.advance(1000)
  expect(wanted()).toEqual([])
})

test('addresses that it has had from the start are none', async () => {
  setAddresses('10.77.0.111/24')
  await node.attach({ instanceId: 'net2', port: 'tap2', vni: 200, mac: mac('02:00:00:00:01:02') })
  advertise('10.77.0.111')
  advertiseFlood('10.77.0.255')
  expect(wanted()).toEqual([])
})

test('outside of vtep_networks nothing is forwarded to', async () => {
  await start({ vtepNetworks: [parseInterfaceAddress('10.77.0.0/28')!] })
  advertise('203.0.113.5')
  advertiseFlood('203.0.113.5')
  expect(wanted()).toEqual([])
  expect(await explain(VM)).toEqual([['unusable', 'next hop is outside of vtep_networks']])
  advertise(OTHER)
  expect(wanted()).toEqual(MAC_ENTRIES)
})

describe('an IP address that no host has', () => {
  test.each([
    '0.0.0.0',
    '127.0.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'ff02::1',
    '::ffff:10.0.0.3',
  ])('%s is not answered for; its MAC address is used', async (address) => {
    advertise(OTHER, address)
    expect(wanted()).toEqual([`${VM} at ${OTHER}`])
    expect(await explain(VM)).toEqual([['used', null]])
    expect(await explain(address)).toEqual([
      ['unusable', expect.stringMatching(/^IP address is (a|an|the) /)],
    ])
  })

  test('but a link-local IPv6 address is one that hosts have', () => {
    advertise(OTHER, 'fe80::99')
    expect(wanted()).toEqual([`${VM} at ${OTHER}`, `fe80::99 is ${VM}`])
  })
})

describe('the gateway of a network', () => {
  const GATEWAY = ['192.168.10.254', `192.168.10.254 is ${VM}`] as const
  const irb = {
    instanceId: 'l3',
    type: 'ipvpn',
    vni: null,
    port: { evpn: 'net1' },
    importTargets: [rt('64512:20')],
    exportTargets: [rt('64512:20')],
  } as const

  test('of an attach is an ordinary host on another node', () => {
    advertise(OTHER, GATEWAY[0])
    expect(wanted()).toEqual([`${VM} at ${OTHER}`, GATEWAY[1]].sort())
  })

  test('is that of this node while there is one: routes for it count again when it goes', async () => {
    advertise(OTHER, GATEWAY[0])
    await node.attach({ ...irb, mac: mac('02:00:00:00:01:01') })
    clock.advance(1000)
    expect(wanted()).toEqual([
      `${VM} at ${OTHER}`,
      expect.stringMatching(/^192.168.10.254 is (?!02:00:00:00:99:01)/),
    ])
    expect(await explain(GATEWAY[0])).toEqual([
      ['unusable', 'IP address is that of the gateway on this node'],
    ])
    await node.detach({ instanceId: 'l3', type: 'ipvpn' })
    clock.advance(1000)
    expect(wanted()).toEqual([`${VM} at ${OTHER}`, GATEWAY[1]].sort())
  })

  test('so do routes with the default gateway community', async () => {
    advertise(OTHER, '192.168.10.9', [DEFAULT_GATEWAY])
    expect(wanted()).toEqual(MAC_ENTRIES)
    await node.attach({ ...irb, mac: mac('02:00:00:00:01:01') })
    clock.advance(1000)
    expect(wanted()).toEqual([expect.stringMatching(/^192.168.10.254 is /)])
    await node.detach({ instanceId: 'l3', type: 'ipvpn' })
    clock.advance(1000)
    expect(wanted()).toEqual(MAC_ENTRIES)
  })

  test('has its MAC address to itself: a route for that is used for nothing', async () => {
    const own = formatMac(gatewayMac('l3'))
    const entries = [`${own} at ${OTHER}`, `192.168.10.9 is ${own}`].sort()
    advertise(OTHER, '192.168.10.9', [], own)
    expect(wanted()).toEqual(entries)
    await node.attach({ ...irb, mac: mac('02:00:00:00:01:01') })
    clock.advance(1000)
    expect(wanted()).toEqual([`192.168.10.254 is ${own}`])
    expect(await explain(own)).toEqual([['unusable', 'MAC address is that of the gateway on this node']])
    await node.detach({ instanceId: 'l3', type: 'ipvpn' })
    clock.advance(1000)
    expect(wanted()).toEqual(entries)
  })
})
