import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN, VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { ownedObjects } from '../../src/dataplane/linux/ownership.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import type { VpnConfig } from '../../src/vpn/config.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { decodeState, encodeState } from '../support/state.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { words } from './words.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const RR = '10.77.0.1'
const families = [EVPN, VPNV4, VPNV6]

let clock: VirtualClock
let network: VirtualNetwork
let a: TestNode

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const clients = [A, B].map((address) => peerConfig(address, { families, reflectorClient: true }))
  speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  a = node(A)
})

function node(address: string, changes: Partial<VpnConfig> = {}): TestNode {
  const made = new TestNode(address, [peerConfig(RR, { families })], clock, network, {}, changes)
  for (const name of ['tap1', 'tap2', 'mpls0']) made.driver.kernel.addLink(name, { up: true })
  return made
}

const first = { mac: mac('02:00:00:00:01:01'), port: 'tap1' }
const second = { mac: mac('02:00:00:00:01:02'), port: 'tap2' }

/** Attaches to the EVPN instance `l2`. */
const bridge = (of: TestNode, which = first, changes: Partial<AttachRequest> = {}) =>
  of.attach({
    instanceId: 'l2',
    importTargets: [rt('64512:1')],
    exportTargets: [rt('64512:1')],
    ...which,
    ...changes,
  })
const unbridge = (of: TestNode, which = first) => of.detach({ instanceId: 'l2', mac: which.mac, ip: null })

/** Attaches to the IP VPN `l3` what is in the EVPN instance. */
const plug = (of: TestNode, address = '192.168.10.1/24', changes: Partial<AttachRequest> = {}) =>
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
const unplug = (of: TestNode, address = '192.168.10.1', which = first, instanceId = 'l3') =>
  of.detach({ instanceId, type: 'ipvpn', mac: which.mac, ip: ip(address) })

/** What is wanted, with short names for the ends of the veth pair. */
function wanted(of: TestNode): string[] {
  clock.advance(1000)
  return of.wanted().map(words).map(short).sort()
}
const short = (text: string) => text.replaceAll(/(vrf2e|e2vrf)--\w{8}/g, '$1')

/** What is wanted of the veth pair, and by it. */
const ofVeth = (of: TestNode) => wanted(of).filter((text) => /vrf2e|e2vrf|254|ffff/.test(text))

const advertised = (of: TestNode): string[] =>
  families.flatMap((family) =>
    [...of.speaker.rib.ownRoutes(family)].map(({ nlri }) => nlriCodec(family)!.format(nlri)),
  )

/** Everything that a failed request must leave as it was. */
function snapshot(of: TestNode): unknown {
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
const named = (of: TestNode, prefix: string): string =>
  [...of.driver.kernel.links.keys()].find((name) => name.startsWith(prefix))!
const gatewayMac = (of: TestNode) => of.driver.link(named(of, 'vrf2e'))?.mac

const VETH = [
  'address 192.168.10.254/24 on vrf2e',
  'e2vrf in evpn---l2',
  'e2vrf to vrf2e',
  expect.stringMatching(/^local-mac 02:.* on e2vrf$/),
  expect.stringMatching(/^neighbour 192.168.10.254 on evpn---l2 is 02:/),
  'vrf2e in bvrf-2',
  'vrf2e to e2vrf',
]
const ENDPOINT = [
  '192.168.10.1/32 in bvrf-2 by vrf2e',
  'fixed-neighbour 192.168.10.1 on vrf2e',
  'label 17 by vrf2e via 192.168.10.1',
]
const all = (...texts: unknown[]) => expect.arrayContaining(texts)

test('an IP VPN attach that names the port of an EVPN endpoint makes an IRB', async () => {
  await bridge(a)
  await plug(a)
  const plugged = snapshot(a)
  await unplug(a)
  await plug(a, '192.168.10.1/24', { port: 'tap1' })
  const numbered = (text: string) =>
    text.replace(/bvrf-2|bvrf-3/, 'bvrf-N').replace(/(label|table) \d+/, '$1 N')
  const { wanted: asPlugged } = plugged as { wanted: string[] }
  expect(wanted(a).map(numbered)).toEqual(asPlugged.map(numbered))
  const before = snapshot(a)
  await plug(a, '192.168.10.1/24', { port: 'tap1' })
  expect(snapshot(a)).toEqual(before)
  expect(a.isInStep).toBe(true)
})

describe('where only one of both has the Linux driver', () => {
  test.each(['linux', 'dummy'] as const)(
    'an endpoint of both is advertised for both, EVPN with %s',
    async (evpn) => {
      const ipvpn = evpn === 'linux' ? 'dummy' : 'linux'
      const b = node(B, { drivers: { evpn, ipvpn } })
      await bridge(b)
      await plug(b)
      await plug(b, '192.168.10.1/24', { instanceId: 'l3-too', port: 'tap1' })
      clock.advance(1000)
      expect(advertised(b).filter((text) => text.includes('192.168.10.1'))).toHaveLength(3)
      expect(b.isInStep).toBe(true)
      expect(b.dummy.statuses.counts()).toMatchObject({ failed: 0, pending: 0 })
      const devices = [...b.driver.kernel.links.keys()]
      expect(devices.includes('evpn---l2')).toBe(evpn === 'linux')
      expect(devices.some((name) => name.startsWith('bvrf'))).toBe(ipvpn === 'linux')
      await unplug(b)
      await unplug(b, '192.168.10.1', first, 'l3-too')
      await unbridge(b)
      clock.advance(1000)
      expect([b.wanted(), [...b.dummy.statuses.entries()], advertised(b)]).toEqual([[], [], []])
    },
  )
})

describe('an EVPN instance joined to an IP VPN (IRB)', () => {
  beforeEach(() => bridge(a))

  test('has one veth pair to it, by which the endpoint is reached; nothing is left of it at the end', async () => {
    const before = snapshot(a)
    await plug(a)
    expect(ofVeth(a)).toHaveLength(VETH.length + ENDPOINT.length)
    expect(ofVeth(a)).toEqual(all(...VETH, ...ENDPOINT))
    expect(advertised(a)).toContain('192.168.10.1/32 label 17 rd 10.77.0.11:2')
    expect(a.isInStep).toBe(true)
    await unplug(a)
    expect(snapshot(a)).toEqual(before)
  })

  test('shares it among its endpoints, of both families, from the first to the last', async () => {
    await bridge(a, second, { ip: parseInterfaceAddress('192.168.10.2/24')! })
    await plug(a)
    await plug(a, '2001:db8::1/64')
    await plug(a, '192.168.10.2/24', { mac: second.mac })
    expect(wanted(a).filter((text) => / to (vrf2e|e2vrf)$/.test(text))).toHaveLength(2)
    expect(ofVeth(a)).toEqual(
      all(
        'address 2001:db8::ffff/64 on vrf2e',
        expect.stringMatching(/^neighbour 2001:db8::ffff on evpn---l2 is 02:/),
        '2001:db8::1/128 in bvrf-2 by vrf2e',
        '192.168.10.2/32 in bvrf-2 by vrf2e',
      ),
    )
    await unplug(a)
    await unplug(a, '2001:db8::1')
    expect(ofVeth(a)).toEqual(all(...VETH))
    expect(ofVeth(a).join()).not.toMatch(/ffff/)
    expect(a.isInStep).toBe(true)
    await unplug(a, '192.168.10.2', second)
    expect(ofVeth(a)).toEqual([])
    expect([...a.driver.kernel.links.keys()].filter((name) => /vrf/.test(name))).toEqual([])
  })

  test('has the same gateway on every node, without an advertisement or a request to other nodes', async () => {
    await plug(a)
    const b = node(B)
    await bridge(b, second, { ip: parseInterfaceAddress('192.168.10.2/24')! })
    await plug(b, '192.168.10.2/24', { mac: second.mac })
    await clock.run(5000)
    expect(gatewayMac(a)).toBe(gatewayMac(b))
    expect(advertised(a).filter((text) => text.startsWith('evpn:macadv'))).toHaveLength(1)
    expect(wanted(a).filter((text) => text.startsWith('remote-mac'))).toEqual([
      'remote-mac 02:00:00:00:01:02 on vxlan--l2',
    ])
    expect(wanted(a)).toContain('192.168.10.2/32 in bvrf-2 by mpls0 via 10.77.0.12 label 17')
  })

  test('does not use routes for its gateway', async () => {
    await bridge(a, first, { gatewayIp: null })
    await plug(a)
    const b = node(B)
    const impostor = { mac: gatewayMac(a)!, port: 'tap1' }
    await bridge(b, impostor, { ip: parseInterfaceAddress('192.168.10.254/24')!, gatewayIp: null })
    await clock.run(5000)
    expect(wanted(a).filter((text) => text.startsWith('remote-mac'))).toEqual([])
    expect(ofVeth(a)).toEqual(all(...VETH))
    await unplug(a)
    expect(wanted(a).filter((text) => text.startsWith('remote-mac'))).toHaveLength(1)
  })

  test('the veth pair answers for no other address', async () => {
    await plug(a, '2001:db8::1/64')
    const b = node(B)
    await b.attach({
      instanceId: 'l3',
      type: 'ipvpn',
      vni: null,
      ip: parseInterfaceAddress('2001:db8::2/64')!,
      gatewayIp: ip('2001:db8::ffff'),
    })
    await clock.run(5000)
    expect(wanted(a)).toEqual(all(expect.stringMatching(/^2001:db8::2\/128 in bvrf-2 by mpls0/)))
    expect(wanted(a).filter((text) => text.startsWith('proxy'))).toEqual([])
  })

  test('may be joined to several', async () => {
    await plug(a)
    await plug(a, '192.168.10.1/24', { instanceId: 'other', gatewayIp: ip('192.168.10.253') })
    expect(wanted(a).filter((text) => text === 'e2vrf in evpn---l2')).toHaveLength(2)
    expect(new Set(wanted(a).filter((text) => /^local-mac .* e2vrf/.test(text))).size).toBe(2)
    await unplug(a)
    expect(wanted(a).filter((text) => text === 'e2vrf in evpn---l2')).toHaveLength(1)
    expect(a.isInStep).toBe(true)
  })

  test('whose subnet is advertised has all hosts of it beside the endpoint', async () => {
    await plug(a, '192.168.10.1/24', { advertiseSubnet: true })
    expect(advertised(a)).toContain('192.168.10.0/24 label 17 rd 10.77.0.11:3')
    expect(ofVeth(a)).toEqual(all('192.168.10.0/24 in bvrf-2 by vrf2e', '192.168.10.1/32 in bvrf-2 by vrf2e'))
    expect(wanted(a)).toContain('label 17 by bvrf-2')
    await plug(a)
    expect(ofVeth(a)).toEqual(all(...VETH, ...ENDPOINT))
  })

  test('takes the VRFs beside it along when its gateway leaves the subnet, and comes back', async () => {
    const subnet = { advertiseSubnet: true, exportTargets: [rt('64512:3')] }
    await a.attach({
      ...second,
      instanceId: 'other',
      type: 'ipvpn',
      vni: null,
      ip: parseInterfaceAddress('192.168.20.1/24')!,
      importTargets: [rt('64512:3')],
    })
    const waysThere = () => wanted(a).filter((text) => text.startsWith('192.168.10.0/24'))
    const direct = ['192.168.10.0/24 in bvrf-2 by vrf2e', '192.168.10.0/24 in bvrf-3 by vrf2e']
    await plug(a, '192.168.10.1/24', subnet)
    expect(waysThere()).toEqual(direct)
    await plug(a, '192.168.10.1/24', { ...subnet, gatewayIp: ip('10.9.9.9') })
    expect(waysThere()).toEqual(direct.map((text) => `${text} via 192.168.10.1`))
    await plug(a, '192.168.10.1/24', subnet)
    expect(waysThere()).toEqual(direct)
  })

  test('has a prefix that the gateway is not in behind the endpoint', async () => {
    await plug(a, '10.5.0.0/16', { advertiseSubnet: true, direction: 'to-port' })
    expect(ofVeth(a)).toEqual(
      all('10.5.0.0/16 in bvrf-2 by vrf2e via 10.5.0.0', 'label 17 by vrf2e via 10.5.0.0', 'vrf2e in bvrf-0'),
    )
    expect(ofVeth(a).join()).not.toMatch(/254/)
  })

  test('accepts packets of a veth pair only while an endpoint behind it may send', async () => {
    const inVrf = () => ofVeth(a).find((text) => text.startsWith('vrf2e in'))
    const silent = { direction: 'to-port' } as const
    await bridge(a, second, { ip: parseInterfaceAddress('192.168.10.2/24')! })
    await plug(a, '192.168.10.1/24', silent)
    expect(inVrf()).toBe('vrf2e in bvrf-0')
    await plug(a, '192.168.10.2/24', { ...second, port: { evpn: 'l2' } })
    expect(inVrf()).toBe('vrf2e in bvrf-2')
    await plug(a, '192.168.10.1/24', silent)
    expect(inVrf()).toBe('vrf2e in bvrf-2')
    await unplug(a, '192.168.10.2', second)
    expect(inVrf()).toBe('vrf2e in bvrf-0')
    await plug(a)
    expect(inVrf()).toBe('vrf2e in bvrf-2')
    await plug(a, '192.168.10.1/24', silent)
    expect(inVrf()).toBe('vrf2e in bvrf-0')
  })
})

describe('the EVPN instance', () => {
  test.each([
    ['of ours', {}, 'evpn---l2'],
    ['that was given', { linuxBridge: 'br0' }, 'br0'],
  ])('may go and come back, with a bridge %s', async (_what, changes, name) => {
    if (name === 'br0') a.driver.kernel.addLink('br0', { kind: 'bridge', up: true })
    await bridge(a, first, changes)
    await plug(a)
    const before = snapshot(a)
    await unbridge(a)
    expect(ofVeth(a)).toEqual([VETH[0], VETH[2], VETH[5], VETH[6], ...ENDPOINT].toSorted())
    expect(a.driver.link(named(a, 'e2vrf'))?.master).toBeNull()
    await bridge(a, first, changes)
    expect(ofVeth(a)).toEqual(all(`e2vrf in ${name}`))
    expect(wanted(a)).toHaveLength((before as { wanted: string[] }).wanted.length)
    expect(a.isInStep).toBe(true)
  })

  test('may come back after the IRB is gone', async () => {
    await bridge(a)
    await plug(a)
    await unbridge(a)
    await unplug(a)
    expect(wanted(a)).toEqual([])
    expect([...a.driver.kernel.links.keys()].sort()).toEqual(['lo', 'mpls0', 'tap1', 'tap2'])
    await bridge(a)
    expect(ofVeth(a)).toEqual([])
  })

  test('may be missing when an IRB endpoint is attached again, but not for another one', async () => {
    await bridge(a)
    await plug(a)
    await unbridge(a)
    await plug(a, '192.168.10.1/24', { gatewayIp: ip('192.168.10.253'), exportTargets: [rt('64512:9')] })
    expect(wanted(a)).toContain('address 192.168.10.253/24 on vrf2e')
    expect(ofVeth(a).join()).not.toMatch(/\.254/)
    expect([...a.vpns.instances.get('l3')!.routing.exportTargets]).toEqual([rt('64512:9')])
    const before = snapshot(a)
    await expect(plug(a, '192.168.10.2/24', { mac: second.mac })).rejects.toThrow(
      /expected the id of an EVPN/,
    )
    expect(snapshot(a)).toEqual(before)
  })

  test('can be deleted during an IRB attach', async () => {
    await bridge(a)
    const before = wanted(a)
    await Promise.all([plug(a), unbridge(a)])
    expect(ofVeth(a)).not.toContain('e2vrf in evpn---l2')
    await bridge(a)
    expect(ofVeth(a)).toEqual(all('e2vrf in evpn---l2'))
    await unplug(a)
    expect(wanted(a)).toEqual(before)
  })
})

describe('a refused IRB attach changes nothing', () => {
  test.each([
    ['into an EVPN instance that is not there', {}, 'evpn.id is "l2": expected the id of an EVPN instance'],
    ['into an IP VPN', { port: { evpn: 'l4' } }, 'evpn.id is "l4": .* that is an ipvpn'],
    ['into itself', { port: { evpn: 'l3' } }, 'evpn.id is "l3"'],
    ['of an EVPN endpoint', { type: 'evpn' }, 'only an ipvpn can be joined'],
  ] as const)('%s', async (_what, changes, reason) => {
    await plug(a, '192.168.30.1/24', { instanceId: 'l4', ...second })
    const before = snapshot(a)
    await expect(plug(a, '192.168.10.1/24', changes)).rejects.toThrow(new RegExp(`^local_port: .*${reason}`))
    expect(snapshot(a)).toEqual(before)
  })

  test.each(['veth', 'vrf-port', 'port', 'local-mac', 'mpls', 'route'] as const)(
    'by the kernel: %s',
    async (kind) => {
      await bridge(a)
      const before = snapshot(a)
      a.driver.fail(
        (op, entry) => op === 'set' && entry.kind === kind && !/vxlan|evpn/.test(entry.device),
        refusal('EPERM', 'no'),
        // what is tried again at once may go well then
        5,
      )
      await expect(plug(a, '192.168.10.1/24', { advertiseSubnet: true })).rejects.toThrow('EPERM: no')
      expect(snapshot(a)).toEqual(before)
    },
  )

  test('by the kernel, for another endpoint of the same veth pair', async () => {
    await bridge(a)
    await plug(a)
    const before = snapshot(a)
    a.driver.fail((op, entry) => op === 'set' && entry.kind === 'fixed-neighbour', refusal('EPERM', 'no'))
    await expect(plug(a, '2001:db8::1/64')).rejects.toThrow('EPERM: no')
    expect(snapshot(a)).toEqual(before)
    expect(a.isInStep).toBe(true)
  })

  test('for two that join each other at once', async () => {
    const each = (instanceId: string, evpn: string) =>
      plug(a, '192.168.10.1/24', { instanceId, port: { evpn } })
    const results = await Promise.allSettled([each('x', 'y'), each('y', 'x')])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

test('a daemon that comes after another wants the same, with or without the EVPN instance', async () => {
  for (const prepare of [() => bridge(a).then(() => plug(a)), () => unbridge(a)]) {
    await prepare()
    const state = { kernel: 'k', ...a.vpns.snapshot() }
    const text = encodeState(state)
    expect(decodeState(text)).toEqual(state)
    const later = node('10.77.0.16', {
      identifier: ip(A),
      vtep: ip(A),
      bgpAddress: ip(A),
      ipvpn: { address: ip(A), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
    })
    await later.vpns.restore(decodeState(text))
    expect(wanted(later)).toEqual(wanted(a))
    expect(later.vpns.snapshot()).toEqual(a.vpns.snapshot())
  }
})

test('a deleted end is recreated', async () => {
  await bridge(a)
  await plug(a)
  for (const prefix of ['vrf2e', 'e2vrf']) {
    a.driver.kernel.deleteLink(named(a, prefix))
    await clock.run(5000)
    expect(a.isInStep).toBe(true)
  }
})

test('all of it can be cleaned up', async () => {
  await bridge(a)
  await plug(a)
  a.reconciler.stop()
  for (const { remove } of [...ownedObjects(a.driver, { bridges: [], vxlans: [], localMacs: [] })])
    expect(remove()).toBeNull()
  expect([...a.driver.kernel.links.keys()].sort()).toEqual(['lo', 'mpls0', 'tap1', 'tap2'])
})

test('the looking glass and the status show it', async () => {
  await bridge(a)
  await plug(a)
  const app = a.api()
  const get = async (path: string) => (await clock.while(app.inject(path))).json()
  expect(await get('/looking-glass/vpns/instances/l2')).toMatchObject({
    gateway_port: {
      interface: named(a, 'e2vrf'),
      ipvpn: {
        id: 'VRF-2',
        external_instance_id: 'l3',
        href: expect.stringMatching(/\/vpns\/instances\/l3$/),
      },
    },
  })
  expect(await get('/looking-glass/vpns/instances/l3/ports')).toMatchObject({
    [named(a, 'vrf2e')]: { evpn: 'l2', endpoints: [{ ip_address: '192.168.10.1/24' }] },
  })
  const ends = await get('/status/entries?kind=veth')
  expect(ends).toMatchObject([
    { device: named(a, 'vrf2e'), peer: named(a, 'e2vrf'), state: 'programmed', instances: ['l3'] },
    { device: named(a, 'e2vrf'), peer: named(a, 'vrf2e'), state: 'programmed', instances: ['l2', 'l3'] },
  ])
  expect(await get('/status/entries?kind=veth&instance=l2')).toHaveLength(1)
})
