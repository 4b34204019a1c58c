import { pino } from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { logged } from '../support/events.ts'
import { attachRequest, mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { advertised, B, clock, network, node, wanted } from './service-setup.ts'

/** Everything that a failed request must leave as it was. */
function snapshot(of: TestNode): unknown {
  clock.advance(100)
  const { vpns, driver } = of
  return {
    wanted: wanted(of),
    advertisedRoutes: advertised(of),
    labels: [...vpns.labels.entries()],
    instances: [...vpns.instances.keys()],
    links: [...driver.kernel.links.values()].map(({ name, master }) => `${name} in ${master}`).sort(),
  }
}

describe('attach', () => {
  test('makes the network with its first endpoint, detach ends it with the last', async () => {
    const before = snapshot(node)
    await node.attach()
    expect(wanted(node)).toEqual([
      'link evpn---net1',
      'link vxlan--net1',
      'local-mac 02:00:00:00:01:01 on tap1',
      'port tap1',
      'port vxlan--net1',
    ])
    expect(node.isInStep).toBe(true)
    expect(advertised(node)).toEqual([
      'evpn:multicast::10.77.0.11:1:0:10.77.0.11',
      'evpn:macadv::10.77.0.11:1:-:0:02:00:00:00:01:01/48:192.168.10.1: label 6 (100)',
    ])
    await node.detach()
    expect(snapshot(node)).toEqual(before)
  })

  test('several addresses of a MAC share port and label until the last is gone', async () => {
    await node.attach()
    await node.attach({ ip: parseInterfaceAddress('192.168.10.2/24')! })
    expect(advertised(node)).toHaveLength(3)
    await node.detach()
    expect(wanted(node)).toContain('port tap1')
    expect(advertised(node)).toHaveLength(2)
    await node.detach({ ip: ip('192.168.10.2') })
    expect(snapshot(node)).toMatchObject({ wanted: [], advertisedRoutes: [], labels: [], instances: [] })
  })

  test('two MACs behind one port keep it until both are gone', async () => {
    await node.attach()
    await node.attach({ mac: mac('02:00:00:00:01:02'), ip: parseInterfaceAddress('192.168.10.2/24')! })
    await node.detach()
    expect(wanted(node)).toContain('port tap1')
    await node.detach({ mac: mac('02:00:00:00:01:02'), ip: ip('192.168.10.2') })
    expect(wanted(node)).toEqual([])
  })

  test('an endpoint without address is replaced by the first with one', async () => {
    await node.attach({ ip: null })
    expect(advertised(node)[1]).toContain('02:00:00:00:01:01/48:-')
    await node.attach()
    expect(advertised(node).filter((text) => text.includes('macadv'))).toEqual([
      'evpn:macadv::10.77.0.11:1:-:0:02:00:00:00:01:01/48:192.168.10.1: label 6 (100)',
    ])
    await node.attach({ ip: null })
    await node.attach({ ip: parseInterfaceAddress('192.168.10.2/24')! })
    await node.detach({ ip: null })
    expect(snapshot(node)).toMatchObject({ wanted: [], advertisedRoutes: [], labels: [] })
  })

  test('changed targets are imported and exported from then on, the multicast route included', async () => {
    await node.attach()
    await node.attach({ importTargets: [rt('64512:20')], exportTargets: [rt('64512:30')] })
    const { routing } = node.vpns.instances.get('net1')!
    expect([...routing.imports.targets]).toEqual([rt('64512:20')])
    for (const route of node.speaker.rib.ownRoutes(EVPN))
      expect(route.set.routeTargets).toEqual([rt('64512:30')])
  })

  test('without export targets nothing is advertised', async () => {
    await node.attach()
    await node.attach({ exportTargets: [] })
    expect(advertised(node)).toEqual([])
  })

  test('local_pref goes with the route, 0 included', async () => {
    await node.attach({ localPref: 0 })
    const prefs = [...node.speaker.rib.ownRoutes(EVPN)].map(({ set }) => set.attributes.localPref)
    expect(prefs).toEqual([100, 0])
  })

  test('an endpoint that only sends is not advertised', async () => {
    await node.attach({ direction: 'from-port' })
    expect(advertised(node)).toEqual(['evpn:multicast::10.77.0.11:1:0:10.77.0.11'])
    await node.attach({ direction: 'to-port' })
    expect(advertised(node)).toHaveLength(2)
  })

  test('networks whose ids begin alike have devices of their own', async () => {
    await node.attach({ instanceId: '6ba7b810-9dad-11d1-80b4-00c04fd430c8', vni: 1 })
    await node.attach({ instanceId: '6ba7b810-9dad-11d1-80b4-00c04fd430c9', vni: 2, port: 'tap2' })
    const bridges = [...node.driver.kernel.links.values()].filter(({ kind }) => kind === 'bridge')
    expect(new Set(bridges.map(({ name }) => name)).size).toBe(2)
    for (const { name } of bridges) expect(name).toMatch(/^evpn---[0-9a-z]{8}$/)
    expect(bridges.map(({ alias }) => alias).sort()).toEqual([
      'chanter:6ba7b810-9dad-11d1-80b4-00c04fd430c8',
      'chanter:6ba7b810-9dad-11d1-80b4-00c04fd430c9',
    ])
  })

  describe('a bridge that the agent names', () => {
    const named = { linuxBridge: 'br-agent' }
    const other = { ...named, instanceId: 'net2', vni: 200 }

    test('is made where it is missing, with the port in it, and goes with the last endpoint', async () => {
      const before = snapshot(node)
      await node.attach(named)
      expect(node.driver.kernel.links.get('tap1')?.master).toBe('br-agent')
      expect(node.isInStep).toBe(true)
      await node.detach()
      expect(snapshot(node)).toEqual(before)
    })

    test('is used unchanged if it is external, and stays', async () => {
      node.driver.kernel.addLink('br-agent', { kind: 'bridge' })
      node.driver.kernel.enslave('tap1', 'br-agent')
      const before = snapshot(node)
      await node.attach(named)
      expect(node.driver.kernel.links.get('br-agent')?.alias).toBeNull()
      await node.detach()
      expect(snapshot(node)).toEqual(before)
    })

    test('is of one network at a time', async () => {
      node.driver.kernel.addLink('br-agent', { kind: 'bridge' })
      await node.attach(named)
      const before = snapshot(node)
      const message = 'linuxbr: br-agent is the bridge of VPN instance net1: each has one of its own'
      await expect(node.attach({ ...other, port: 'tap2' })).rejects.toThrow(message)
      expect(snapshot(node)).toEqual(before)
      await node.detach()
      await node.attach({ ...other, port: 'tap2' })
      expect(node.isInStep).toBe(true)
    })

    test('is assigned once, with many requests at the same time', async () => {
      const both = [attachRequest(named), attachRequest({ ...other, port: 'tap2' })]
      const answers = await node.finish(Promise.allSettled(both.map((one) => node.vpns.attach(one))))
      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(node.isInStep).toBe(true)
    })

    test('is taken away again when the kernel refuses the endpoint', async () => {
      const before = snapshot(node)
      node.driver.fail((op, entry) => op === 'set' && entry.kind === 'local-mac', refusal('EPERM', 'no'), 1)
      await expect(node.attach(named)).rejects.toThrow('cannot set up tap1: EPERM: no')
      expect(snapshot(node)).toEqual(before)
    })
  })

  test('chosen VNIs do not collide with requested ones', async () => {
    await node.attach({ instanceId: 'given', vni: 16 })
    await node.attach({ instanceId: 'chosen', vni: null, port: 'tap2' })
    const used = node.vpns.snapshot().instances.map((one) => (one.type === 'evpn' ? one.vni : null))
    expect(new Set(used).size).toBe(2)
  })

  describe('a VNI that another network had until just before', () => {
    let node: TestNode
    let warnings: Record<string, unknown>[]

    beforeEach(async () => {
      warnings = []
      const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) })
      node = new TestNode(
        '10.77.0.15',
        [peerConfig(B)],
        clock,
        network,
        {},
        {},
        logged(log, clock),
      ).withPorts('tap1', 'tap2')
      await node.attach({ instanceId: 'red', vni: 200 })
      await node.detach({ instanceId: 'red', ip: null })
      clock.advance(3000)
    })

    const blue = (vni: number | null) => node.attach({ instanceId: 'blue', vni, port: 'tap2' })

    test('is warned of while a peer has no session', async () => {
      await blue(200)
      expect(warnings).toMatchObject([{ instance: 'blue', vni: 200, former: 'red', seconds: 3, peers: [B] }])
    })

    test('causes no warning when all peers have sessions, for the same instance again, or after a while', async () => {
      await node.attach({ instanceId: 'red', vni: 200 })
      await node.detach({ instanceId: 'red', ip: null })
      clock.advance(600_000)
      await blue(200)
      await node.detach({ instanceId: 'blue', ip: null })
      const other = speakerAt(B, [peerConfig('10.77.0.15')], clock, network)
      clock.advance(200_000)
      expect(other.peers.get(ip('10.77.0.15'))!.sessions.state).toBe('Established')
      await node.attach({ instanceId: 'green', vni: 200 })
      expect(warnings).toEqual([])
    })

    test('is not assigned to another instance', async () => {
      await node.attach({ instanceId: 'first', vni: null })
      await node.detach({ instanceId: 'first', ip: null })
      await blue(null)
      const [instance] = node.vpns.snapshot().instances
      expect(instance).toMatchObject({ vni: 17, rdNumber: 3 })
    })
  })

  test('requests at the same time for one network are carried out one after the other', async () => {
    const both = Promise.all([
      node.vpns.attach(attachRequest()),
      node.vpns.attach(attachRequest({ mac: mac('02:00:00:00:01:02'), ip: null, port: 'tap2' })),
      node.vpns.detach({ instanceId: 'net1', type: 'evpn', mac: mac('02:00:00:00:01:01'), ip: null }),
    ])
    await node.finish(both)
    expect(wanted(node)).toContain('port tap2')
    expect(wanted(node)).not.toContain('port tap1')
    expect(node.isInStep).toBe(true)
  })
})

describe('a request that cannot be granted changes nothing', () => {
  test.each([
    ['the port does not exist', { port: 'tap9' }, 'interface tap9 does not exist'],
    [
      'the bridge is none',
      { instanceId: 'net2', vni: 2, linuxBridge: 'vxlan--net1' },
      'linuxbr: vxlan--net1 is no bridge but a vxlan',
    ],
    [
      'the VNI is of another instance',
      { instanceId: 'net2', port: 'tap2' },
      'A VPN instance using vni 100 already exists: net1',
    ],
    [
      'the port is of another instance',
      { instanceId: 'net2', vni: 2 },
      'local_port: interface tap1 is attached to VPN instance net1',
    ],
    ['the MAC is behind another port', { port: 'tap2' }, 'it is bound to tap1, not tap2'],
    [
      'the IP is of another MAC',
      { mac: mac('02:00:00:00:01:09'), port: 'tap2' },
      'already bound to a MAC address different from',
    ],
    ['the type is another', { type: 'ipvpn' }, 'vpn_type: VPN instance net1 is of type evpn, not ipvpn'],
  ] as const)('%s', async (_, changes, message) => {
    await node.attach()
    const before = snapshot(node)
    await expect(node.attach(changes)).rejects.toThrow(message)
    expect(snapshot(node)).toEqual(before)
  })

  test('the kernel refuses the first endpoint of a network', async () => {
    const before = snapshot(node)
    node.driver.fail((op, entry) => op === 'set' && entry.kind === 'local-mac', refusal('EPERM', 'no'), 1)
    await expect(node.attach()).rejects.toThrow('cannot set up tap1: EPERM: no')
    clock.advance(200_000)
    expect(snapshot(node)).toEqual(before)
    await node.attach()
    expect(node.isInStep).toBe(true)
  })

  test('the kernel refuses a further endpoint', async () => {
    await node.attach()
    const before = snapshot(node)
    node.driver.fail(
      (op, entry) => op === 'set' && entry.kind === 'port' && entry.device === 'tap2',
      refusal('EBUSY', 'no'),
      1,
    )
    const second = { mac: mac('02:00:00:00:01:02'), ip: null, port: 'tap2' }
    await expect(node.attach(second)).rejects.toThrow('cannot set up tap2: EBUSY: no')
    expect(snapshot(node)).toEqual(before)
    await node.attach(second)
    expect(node.isInStep).toBe(true)
  })

  test.each([
    ['an unknown network', { instanceId: 'nope' }, 'VPN nope could not be found'],
    ['an unknown MAC', { mac: mac('02:00:00:00:01:09') }, "not plugged, can't unplug"],
    ['an unknown IP of a known MAC', { ip: ip('192.168.10.9') }, 'is not bound to MAC address'],
  ] as const)('detach of %s', async (_, changes, message) => {
    await node.attach()
    const before = snapshot(node)
    await expect(node.detach(changes)).rejects.toThrow(message)
    expect(snapshot(node)).toEqual(before)
  })
})
