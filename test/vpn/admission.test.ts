import { beforeEach, describe, expect, test } from 'vitest'
import type { Link } from '../../src/dataplane/driver.ts'
import type { Refusal } from '../../src/dataplane/refusal.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import type { VpnConfig } from '../../src/vpn/config.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const EXPECTED = 'expected an Ethernet interface with a machine behind it'
const VXLAN = { kind: 'vxlan', vni: 200, port: 4789, local: ip(A), up: true, master: 'br-agent' } as const

let clock: VirtualClock
let node: TestNode

function start(changes: Partial<VpnConfig> = {}): TestNode {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const made = new TestNode(A, [peerConfig(B)], clock, network, {}, changes)
  made.withPorts('eth0', 'tap1', 'tap2', 'tap3', 'mpls0')
  made.driver.kernel.holders.set(ip(A), 'eth0')
  return made
}

beforeEach(() => {
  node = start()
})

const link = (name: string, traits: Partial<Link>): void => void node.driver.kernel.addLink(name, traits)

/** An endpoint of a second network. */
const second = (changes: Partial<AttachRequest> = {}): Partial<AttachRequest> => ({
  instanceId: 'net2',
  vni: 200,
  mac: mac('02:00:00:00:02:02'),
  ip: parseInterfaceAddress('192.168.20.2/24')!,
  port: 'tap2',
  ...changes,
})
const vrf = (changes: Partial<AttachRequest> = {}) => second({ type: 'ipvpn', vni: null, ...changes })

function snapshot(): unknown {
  clock.advance(100)
  const links = [...node.driver.kernel.links.values()]
  return {
    wanted: node.wanted(),
    links: links.map(({ name, master, alias }) => `${name} in ${master} of ${alias}`).sort(),
    labels: [...node.vpns.labels.entries()],
    instances: [...node.vpns.instances.keys()],
    failures: [...node.reconciler.statuses.failures()],
    unremoved: node.reconciler.statuses.unremovedCount(),
  }
}

/** The second network is refused, nothing changes, and the first one goes on. */
async function refuses(request: Partial<AttachRequest>, message: string): Promise<void> {
  await node.attach()
  const before = snapshot()
  await expect(node.attach(request)).rejects.toThrow(message)
  clock.advance(200_000)
  expect(snapshot()).toEqual(before)
  expect(node.isInStep).toBe(true)
}

describe('a port cannot be', () => {
  test.each([
    ['the VXLAN device of another instance', 'vxlan--net1', `vxlan--net1 is a vxlan: ${EXPECTED}`],
    ['the bridge of another instance', 'evpn---net1', `evpn---net1 is a bridge: ${EXPECTED}`],
    ['the loopback', 'lo', `lo is a loopback interface: ${EXPECTED}`],
    ['the interface with the VTEP address', 'eth0', 'eth0 has the tunnel address 10.77.0.11'],
    ['the mpls_interface', 'mpls0', 'mpls0 is the mpls_interface'],
  ])('%s', (_, port, message) => refuses(second({ port }), `local_port: ${message}`))

  test.each<[string, Partial<Link>, string]>([
    ['a VRF', { kind: 'vrf', table: 300 }, 'is a vrf'],
    ['a VXLAN device of others', { kind: 'vxlan', vni: 7 }, 'is a vxlan'],
    ['a tunnel of IP packets', { kind: 'gre', ethernet: false }, 'carries no Ethernet frames'],
    [
      'a device of ours',
      { kind: 'veth', alias: 'chanter:net9' },
      "is a device of chanter's own (chanter:net9)",
    ],
    ['in a bridge of others', { master: 'virbr0' }, 'is in virbr0 already: take it out'],
    ['in a bond', { master: 'bond0' }, 'is in bond0 already: take it out'],
  ])('%s', async (_, traits, message) => {
    link('virbr0', { kind: 'bridge' })
    link('bond0', { kind: 'bond' })
    link('x0', traits)
    await refuses(second({ port: 'x0' }), `local_port: x0 ${message}`)
    await expect(node.attach(vrf({ port: 'x0' }))).rejects.toThrow(`local_port: x0 ${message}`)
  })

  test('a bridge, in an EVPN instance', async () => {
    link('virbr0', { kind: 'bridge' })
    await refuses(second({ port: 'virbr0' }), 'local_port: virbr0 is a bridge')
  })

  test('the interface towards a BGP peer', async () => {
    link('eth1', {})
    node.driver.kernel.setNextHop(ip(B), { device: 'eth1', via: null, labels: [] })
    await refuses(second({ port: 'eth1' }), 'local_port: eth1 leads to BGP peer 10.77.0.12')
  })

  test('the lower devices of the underlay, at any depth', async () => {
    link('br-ex', { kind: 'bridge' })
    link('bond0', { kind: 'bond' })
    link('bond0.100', { kind: 'vlan', lower: 'bond0', master: 'br-ex' })
    link('ens1', { master: 'bond0' })
    node.driver.kernel.holders.set(ip(A), 'br-ex')
    const why = 'carries br-ex, which has the tunnel address 10.77.0.11'
    await refuses(second({ port: 'bond0' }), `local_port: bond0 ${why}`)
    for (const port of ['bond0.100', 'ens1'])
      await expect(node.attach(second({ port }))).rejects.toThrow(`local_port: ${port} ${why}`)
    await expect(node.attach(second({ linuxBridge: 'br-ex' }))).rejects.toThrow('no part of the underlay')
  })

  test('an upper device of its bridge, or one that leads back into it', async () => {
    link('br-agent', { kind: 'bridge' })
    link('br-agent.5', { kind: 'vlan', lower: 'br-agent' })
    link('one', { kind: 'veth', pair: 'other' })
    link('other', { kind: 'veth', pair: 'one', master: 'br-agent' })
    const linuxBridge = 'br-agent'
    await refuses(second({ linuxBridge, port: 'br-agent.5' }), 'br-agent.5 stands on bridge br-agent')
    const back = 'local_port: one leads back into bridge br-agent by other'
    await expect(node.attach(second({ linuxBridge, port: 'one' }))).rejects.toThrow(back)
  })

  test('in another bridge than the one that is named', async () => {
    for (const name of ['br-agent', 'virbr0']) link(name, { kind: 'bridge' })
    link('tap9', { master: 'virbr0' })
    const message =
      'tap9 is in virbr0 already: take it out (ip link set tap9 nomaster), or name virbr0 as linuxbr'
    await refuses(second({ linuxBridge: 'br-agent', port: 'tap9' }), message)
    await node.attach(second({ linuxBridge: 'virbr0', port: 'tap9' }))
    expect(node.isInStep).toBe(true)
  })

  test('a veth pair or a device whose name others have', async () => {
    link('vxlan--net2', {})
    await refuses(
      second(),
      'interface vxlan--net2, which the instance needs, exists and is not owned by chanter',
    )
    node.driver.kernel.deleteLink('vxlan--net2')
    await node.attach(second())
    expect(node.isInStep).toBe(true)
  })
})

describe('a port can be', () => {
  test('one that a predecessor left in a bridge of its own', async () => {
    for (const [bridge, alias] of [
      ['evpn---old', 'chanter:old'],
      ['evpn---6ba7b8', null],
    ] as const) {
      link(bridge, { kind: 'bridge', alias })
      node.driver.kernel.enslave('tap1', bridge)
      await node.attach()
      expect(node.driver.kernel.links.get('tap1')?.master).toBe('evpn---net1')
      await node.detach()
    }
  })

  test('one of two that are attached at once has a bridge', async () => {
    link('br-agent', { kind: 'bridge' })
    const linuxBridge = 'br-agent'
    const results = await Promise.allSettled([
      node.attach({ linuxBridge }),
      node.attach(second({ linuxBridge })),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect((results[1] as PromiseRejectedResult).reason.message).toBe(
      'linuxbr: br-agent is the bridge of VPN instance net1: each has one of its own',
    )
    expect([...node.vpns.instances.keys()]).toEqual(['net1'])
    // the second one leaves nothing behind
    await node.attach(second())
  })

  test('one that another instance only sends to, wherever it is', async () => {
    link('br-agent', { kind: 'bridge' })
    node.driver.kernel.enslave('tap1', 'br-agent')
    await node.attach({ linuxBridge: 'br-agent' })
    await node.attach(vrf({ port: 'tap1', direction: 'to-port', mac: mac('02:00:00:00:01:01') }))
    expect(node.driver.kernel.links.get('tap1')?.master).toBe('br-agent')
  })

  test('a veth whose other end is in no bridge, and a VLAN of the underlay', async () => {
    link('one', { kind: 'veth', pair: 'other' })
    link('other', { kind: 'veth', pair: 'one' })
    link('eth0.7', { kind: 'vlan', lower: 'eth0' })
    await node.attach({ port: 'one' })
    await node.attach(second({ port: 'eth0.7' }))
    expect(node.isInStep).toBe(true)
  })

  test('attached again as it is, wherever it was moved to', async () => {
    await node.attach()
    link('virbr0', { kind: 'bridge' })
    node.driver.kernel.enslave('tap1', 'virbr0')
    await node.attach()
    expect(node.driver.kernel.links.get('tap1')?.master).toBe('evpn---net1')
  })
})

describe('a bridge cannot be', () => {
  test.each<[string, string, Partial<Link> | null, string]>([
    ['no bridge', 'ens9', { mac: mac('52:54:00:00:00:01') }, 'ens9 is no bridge but a plain interface'],
    ['a bond', 'bond0', { kind: 'bond' }, 'bond0 is no bridge but a bond'],
    ['that of another instance', 'evpn---net1', null, 'evpn---net1 is the bridge of VPN instance net1'],
    ['named as ours are', 'evpn---net7', null, "evpn---net7 is a name of chanter's own devices"],
  ])('%s', (_, linuxBridge, traits, message) => {
    if (traits !== null) link(linuxBridge, traits)
    return refuses(second({ linuxBridge }), `linuxbr: ${message}`)
  })

  test('that of another instance, though this one has a bridge already', async () => {
    await node.attach(second())
    const request = second({
      linuxBridge: 'evpn---net1',
      mac: mac('02:00:00:00:02:03'),
      ip: null,
      port: 'tap3',
    })
    await refuses(request, 'linuxbr: evpn---net1 is the bridge of VPN instance net1')
  })
})

describe('the MAC address of a machine cannot be', () => {
  const message = (whose: string) => `is the address of ${whose} itself, for which frames go to the host`

  test("its port's own", async () => {
    link('tap9', { mac: mac('02:00:00:00:02:02') })
    await refuses(second({ port: 'tap9' }), `mac_address: 02:00:00:00:02:02 ${message('tap9')}`)
    await expect(node.attach(vrf({ port: 'tap9' }))).rejects.toThrow(message('tap9'))
  })

  test.each([
    ['the bridge’s', 'br-agent'],
    ['another port’s', 'tap8'],
    ['the VXLAN device’s', 'vx-theirs'],
  ])('%s', async (_, whose) => {
    const traits: Record<string, Partial<Link>> = {
      'br-agent': { kind: 'bridge' },
      tap8: { master: 'br-agent' },
      'vx-theirs': VXLAN,
    }
    for (const [name, one] of Object.entries(traits))
      link(name, { ...one, ...(name === whose && { mac: mac('02:00:00:00:02:02') }) })
    await refuses(second({ linuxBridge: 'br-agent' }), message(whose))
  })

  test('that of a port that comes later', async () => {
    link('tap9', { mac: mac('02:00:00:00:01:01') })
    const request = { mac: mac('02:00:00:00:01:09'), ip: null, port: 'tap9' }
    await refuses(request, 'local_port: tap9 has itself the address of endpoint 02:00:00:00:01:01')
  })

  test('that of the gateway of an IRB', async () => {
    await node.attach()
    await node.attach(vrf({ port: { evpn: 'net1' }, mac: mac('02:00:00:00:01:01') }))
    const [gateway] = node.wanted().flatMap((entry) => (entry.kind === 'veth' ? [entry.mac] : []))
    const request = { mac: gateway!, ip: null, port: 'tap3' }
    await refuses(request, 'is the address of gateway net2')
  })

  test('and one that becomes such an address later is reported', async () => {
    link('br-agent', { kind: 'bridge' })
    await node.attach({ linuxBridge: 'br-agent' })
    const { kernel } = node.driver
    kernel.changeLink('br-agent', { mac: mac('02:00:00:00:01:01') })
    kernel.links.get('br-agent')?.fdb.clear()
    await node.finish(node.reconciler.verifier.verify())
    clock.advance(1000)
    const [failure] = [...node.reconciler.statuses.failures()]
    expect(failure).toMatchObject({
      entry: { kind: 'local-mac' },
      status: {
        reason: "the bridge takes frames for 02:00:00:00:01:01 for the host: it is br-agent's own address",
      },
    })
  })
})

describe('a VXLAN device that was found', () => {
  const found = (traits: Partial<Link>) => {
    link('br-agent', { kind: 'bridge' })
    link('vx-theirs', { ...VXLAN, ...traits })
    return second({ linuxBridge: 'br-agent' })
  }

  test.each<[string, Partial<Link>, string]>([
    ['of another UDP port', { port: 8472 }, "its UDP port is 8472, the VTEP's is 4789"],
    [
      'with another source',
      { local: ip('10.9.9.9') },
      "its source address is 10.9.9.9, the VTEP's is 10.77.0.11",
    ],
    ['that is down', { up: false }, 'it is down'],
    ['that learns', { learns: true, tuned: false }, 'it learns addresses by itself'],
    ['that others steer', { flowBased: true }, 'it takes VNIs that others choose'],
  ])('%s is not taken', (_, traits, message) =>
    refuses(found(traits), `VXLAN device vx-theirs of VNI 200 in br-agent cannot be used: ${message}`),
  )

  test.each<[string, Partial<Link>]>([
    ['with our address', {}],
    ['with none', { local: null }],
  ])('%s is taken', async (_, traits) => {
    await node.attach(found(traits))
    expect(node.wanted().some(({ device }) => device === 'vxlan--net2')).toBe(false)
    expect(node.isInStep).toBe(true)
  })

  test('with an IPv4 source is of no use to an IPv6 VTEP', async () => {
    node = start({ vtep: ip('2001:db8::11') })
    await refuses(found({ local: null }), "its source address is none, the VTEP's is 2001:db8::11")
  })
})

describe('a VXLAN device that cannot be made', () => {
  const fails = (reason: Refusal) =>
    node.driver.fail((op, { device }) => op === 'set' && device === 'vxlan--net2', reason)

  test('since another has the VNI', async () => {
    link('vx-theirs', { kind: 'vxlan', vni: 200, port: 4789 })
    const message =
      'cannot set up tap2: VXLAN device vx-theirs has VNI 200 on UDP port 4789 already: delete it'
    await refuses(second(), message)
  })

  test('since a flow-based one has the UDP port', async () => {
    link('vxlan_sys_4789', { kind: 'vxlan', port: 4789, flowBased: true, up: true })
    fails(refusal('EADDRINUSE'))
    await refuses(
      second(),
      'UDP port 4789 cannot be used for VXLAN: flow-based VXLAN device vxlan_sys_4789 has it. Remove that, or set vxlan_dst_port',
    )
  })

  test('since another socket has the UDP port', async () => {
    fails(refusal('EADDRINUSE'))
    await refuses(second(), 'another socket has it (ss -lunp sport = 4789)')
  })
})
