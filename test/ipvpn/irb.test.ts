import { beforeEach, describe, expect, test } from 'vitest'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import type { TestNode } from '../support/node.ts'
import { ip, rt } from '../support/speakers.ts'
import {
  a,
  advertised,
  all,
  attachIrb,
  B,
  bridge,
  clock,
  detachIrb,
  ENDPOINT,
  first,
  named,
  node,
  ofVeth,
  second,
  snapshot,
  unbridge,
  VETH,
  wanted,
} from './irb-setup.ts'

const gatewayMac = (of: TestNode) => of.driver.link(named(of, 'vrf2e'))?.mac

test('an IP VPN attach that names the port of an EVPN endpoint makes an IRB', async () => {
  await bridge(a)
  await attachIrb(a)
  const withIrb = snapshot(a)
  await detachIrb(a)
  await attachIrb(a, '192.168.10.1/24', { port: 'tap1' })
  const numbered = (text: string) =>
    text.replace(/bvrf-2|bvrf-3/, 'bvrf-N').replace(/(label|table) \d+/, '$1 N')
  const { wanted: asIrb } = withIrb as { wanted: string[] }
  expect(wanted(a).map(numbered)).toEqual(asIrb.map(numbered))
  const before = snapshot(a)
  await attachIrb(a, '192.168.10.1/24', { port: 'tap1' })
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
      await attachIrb(b)
      await attachIrb(b, '192.168.10.1/24', { instanceId: 'l3-too', port: 'tap1' })
      clock.advance(1000)
      expect(advertised(b).filter((text) => text.includes('192.168.10.1'))).toHaveLength(3)
      expect(b.isInStep).toBe(true)
      expect(b.dummy.statuses.counts()).toMatchObject({ failed: 0, pending: 0 })
      const devices = [...b.driver.kernel.links.keys()]
      expect(devices.includes('evpn---l2')).toBe(evpn === 'linux')
      expect(devices.some((name) => name.startsWith('bvrf'))).toBe(ipvpn === 'linux')
      await detachIrb(b)
      await detachIrb(b, '192.168.10.1', first, 'l3-too')
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
    await attachIrb(a)
    expect(ofVeth(a)).toHaveLength(VETH.length + ENDPOINT.length)
    expect(ofVeth(a)).toEqual(all(...VETH, ...ENDPOINT))
    expect(advertised(a)).toContain('192.168.10.1/32 label 17 rd 10.77.0.11:2')
    expect(a.isInStep).toBe(true)
    await detachIrb(a)
    expect(snapshot(a)).toEqual(before)
  })

  test('shares it among its endpoints, of both families, from the first to the last', async () => {
    await bridge(a, second, { ip: parseInterfaceAddress('192.168.10.2/24')! })
    await attachIrb(a)
    await attachIrb(a, '2001:db8::1/64')
    await attachIrb(a, '192.168.10.2/24', { mac: second.mac })
    expect(wanted(a).filter((text) => / to (vrf2e|e2vrf)$/.test(text))).toHaveLength(2)
    expect(ofVeth(a)).toEqual(
      all(
        'address 2001:db8::ffff on vrf2e',
        expect.stringMatching(/^neighbour 2001:db8::ffff on evpn---l2 is 02:/),
        '2001:db8::1/128 in bvrf-2 by vrf2e',
        '192.168.10.2/32 in bvrf-2 by vrf2e',
      ),
    )
    await detachIrb(a)
    await detachIrb(a, '2001:db8::1')
    expect(ofVeth(a)).toEqual(all(...VETH))
    expect(ofVeth(a).join()).not.toMatch(/ffff/)
    expect(a.isInStep).toBe(true)
    await detachIrb(a, '192.168.10.2', second)
    expect(ofVeth(a)).toEqual([])
    expect([...a.driver.kernel.links.keys()].filter((name) => /vrf/.test(name))).toEqual([])
  })

  test('has the same gateway on every node, without an advertisement or a request to other nodes', async () => {
    await attachIrb(a)
    const b = node(B)
    await bridge(b, second, { ip: parseInterfaceAddress('192.168.10.2/24')! })
    await attachIrb(b, '192.168.10.2/24', { mac: second.mac })
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
    await attachIrb(a)
    const b = node(B)
    const impostor = { mac: gatewayMac(a)!, port: 'tap1' }
    await bridge(b, impostor, { ip: parseInterfaceAddress('192.168.10.254/24')!, gatewayIp: null })
    await clock.run(5000)
    expect(wanted(a).filter((text) => text.startsWith('remote-mac'))).toEqual([])
    expect(ofVeth(a)).toEqual(all(...VETH))
    await detachIrb(a)
    expect(wanted(a).filter((text) => text.startsWith('remote-mac'))).toHaveLength(1)
  })

  test('the veth pair answers for no other address', async () => {
    await attachIrb(a, '2001:db8::1/64')
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
    await attachIrb(a)
    await attachIrb(a, '192.168.10.1/24', { instanceId: 'other', gatewayIp: ip('192.168.10.253') })
    expect(wanted(a).filter((text) => text === 'e2vrf in evpn---l2')).toHaveLength(2)
    expect(new Set(wanted(a).filter((text) => /^local-mac .* e2vrf/.test(text))).size).toBe(2)
    await detachIrb(a)
    expect(wanted(a).filter((text) => text === 'e2vrf in evpn---l2')).toHaveLength(1)
    expect(a.isInStep).toBe(true)
  })

  test('whose subnet is advertised has all hosts of it beside the endpoint', async () => {
    await attachIrb(a, '192.168.10.1/24', { advertiseSubnet: true })
    expect(advertised(a)).toContain('192.168.10.0/24 label 17 rd 10.77.0.11:3')
    expect(ofVeth(a)).toEqual(all('192.168.10.0/24 in bvrf-2 by vrf2e', '192.168.10.1/32 in bvrf-2 by vrf2e'))
    expect(wanted(a)).toContain('label 17 by bvrf-2')
    await attachIrb(a)
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
    await attachIrb(a, '192.168.10.1/24', subnet)
    expect(waysThere()).toEqual(direct)
    await attachIrb(a, '192.168.10.1/24', { ...subnet, gatewayIp: ip('10.9.9.9') })
    expect(waysThere()).toEqual(direct.map((text) => `${text} via 192.168.10.1`))
    await attachIrb(a, '192.168.10.1/24', subnet)
    expect(waysThere()).toEqual(direct)
  })

  test('has a prefix that the gateway is not in behind the endpoint', async () => {
    await attachIrb(a, '10.5.0.0/16', { advertiseSubnet: true, direction: 'to-port' })
    expect(ofVeth(a)).toEqual(
      all('10.5.0.0/16 in bvrf-2 by vrf2e via 10.5.0.0', 'label 17 by vrf2e via 10.5.0.0', 'vrf2e in bvrf-0'),
    )
    expect(ofVeth(a).join()).not.toMatch(/254/)
  })

  test('accepts packets of a veth pair only while an endpoint behind it may send', async () => {
    const inVrf = () => ofVeth(a).find((text) => text.startsWith('vrf2e in'))
    const silent = { direction: 'to-port' } as const
    await bridge(a, second, { ip: parseInterfaceAddress('192.168.10.2/24')! })
    await attachIrb(a, '192.168.10.1/24', silent)
    expect(inVrf()).toBe('vrf2e in bvrf-0')
    await attachIrb(a, '192.168.10.2/24', { ...second, port: { evpn: 'l2' } })
    expect(inVrf()).toBe('vrf2e in bvrf-2')
    await attachIrb(a, '192.168.10.1/24', silent)
    expect(inVrf()).toBe('vrf2e in bvrf-2')
    await detachIrb(a, '192.168.10.2', second)
    expect(inVrf()).toBe('vrf2e in bvrf-0')
    await attachIrb(a)
    expect(inVrf()).toBe('vrf2e in bvrf-2')
    await attachIrb(a, '192.168.10.1/24', silent)
    expect(inVrf()).toBe('vrf2e in bvrf-0')
  })
})
