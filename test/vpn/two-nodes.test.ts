import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { mac, TestNode } from '../support/node.ts'
import { ip, peerConfig } from '../support/speakers.ts'
import { A, B, clock, network, node, wanted } from './service-setup.ts'

describe('two nodes', () => {
  let other: TestNode

  beforeEach(async () => {
    other = new TestNode(B, [peerConfig(A, { passive: true })], clock, network).withPorts('tap1', 'tap2')
    clock.advance(1000)
    await node.attach()
    await other.attach({ mac: mac('02:00:00:00:01:02'), ip: parseInterfaceAddress('192.168.10.2/24')! })
    clock.advance(100)
  })

  const remote = (of: TestNode): string[] =>
    wanted(of).filter((text) => /^(flood|remote-mac|neighbour)/.test(text))

  test('learn where each other’s endpoints are', () => {
    expect(remote(node)).toEqual([
      'flood to 10.77.0.12 vni 100 on vxlan--net1',
      'neighbour 192.168.10.2 on evpn---net1',
      'remote-mac 02:00:00:00:01:02 on vxlan--net1',
    ])
    expect([node.isInStep, other.isInStep]).toEqual([true, true])
  })

  test('forget them when they are detached', async () => {
    await other.detach({ mac: mac('02:00:00:00:01:02'), ip: null })
    clock.advance(100)
    expect(remote(node)).toEqual([])
    expect(node.isInStep).toBe(true)
  })

  test('follow addresses of a MAC as they come and go, and as they move to another MAC', async () => {
    const second = { mac: mac('02:00:00:00:01:02') }
    await other.attach({ ...second, ip: parseInterfaceAddress('2001:db8::2/64')! })
    await other.attach({ ...second, ip: parseInterfaceAddress('192.168.10.3/24')! })
    clock.advance(100)
    const neighbours = () => node.wanted().filter(({ kind }) => kind === 'neighbour')
    const behind = (address: string, of = second.mac) =>
      expect.objectContaining({ ip: ip(address), mac: of, router: false })
    expect(neighbours()).toEqual([behind('192.168.10.2'), behind('192.168.10.3'), behind('2001:db8::2')])
    await other.detach({ ...second, ip: ip('192.168.10.3') })
    const third = { mac: mac('02:00:00:00:01:03') }
    await other.attach({ ...third, ip: parseInterfaceAddress('192.168.10.3/24')!, port: 'tap2' })
    clock.advance(100)
    expect(neighbours()).toContainEqual(behind('192.168.10.3', third.mac))
    expect(node.isInStep).toBe(true)
    await other.detach({ ...second, ip: null })
    clock.advance(100)
    expect(neighbours()).toEqual([behind('192.168.10.3', third.mac)])
  })

  test.each([
    ['first', ['192.168.10.2', '192.168.10.3']],
    ['last', ['192.168.10.3', '192.168.10.2']],
  ] as const)(
    'send to a MAC as long as it has any address, also when the one that came %s goes',
    async (_, order) => {
      const second = { mac: mac('02:00:00:00:01:02') }
      await other.attach({ ...second, ip: parseInterfaceAddress('192.168.10.3/24')! })
      const about = () => remote(node).filter((text) => !text.startsWith('flood'))
      const [gone, left] = order
      await other.detach({ ...second, ip: ip(gone) })
      clock.advance(100)
      expect(about()).toEqual([
        `neighbour ${left} on evpn---net1`,
        'remote-mac 02:00:00:00:01:02 on vxlan--net1',
      ])
      await other.detach({ ...second, ip: ip(left) })
      clock.advance(100)
      expect(about()).toEqual([])
    },
  )

  test('send a wildcard’s frames to its port, and answer for the address that takes its place', async () => {
    const third = { mac: mac('02:00:00:00:01:03'), port: 'tap2' }
    await other.attach({ ...third, ip: null })
    clock.advance(100)
    const about = () => remote(node).filter((text) => /01:03|10\.3/.test(text))
    expect(about()).toEqual(['remote-mac 02:00:00:00:01:03 on vxlan--net1'])
    await other.attach({ ...third, ip: parseInterfaceAddress('192.168.10.3/24')! })
    clock.advance(100)
    expect(about()).toEqual([
      'neighbour 192.168.10.3 on evpn---net1',
      'remote-mac 02:00:00:00:01:03 on vxlan--net1',
    ])
    await other.attach({ ...third, ip: parseInterfaceAddress('192.168.10.3/24')! })
    clock.advance(100)
    expect([about().length, node.isInStep]).toEqual([2, true])
  })

  test('send frames with the VNI that the receiver chose', async () => {
    await other.detach({ mac: mac('02:00:00:00:01:02'), ip: null })
    await other.attach({ mac: mac('02:00:00:00:01:02'), vni: 7777 })
    clock.advance(100)
    expect(node.wanted()).toContainEqual(
      expect.objectContaining({ kind: 'remote-mac', dst: ip(B), vni: 7777 }),
    )
  })

  test('a MAC that is attached here stays local for any received route', async () => {
    await node.attach({
      mac: mac('02:00:00:00:01:02'),
      ip: parseInterfaceAddress('192.168.10.2/24')!,
      port: 'tap2',
    })
    clock.advance(100)
    expect(remote(node)).toEqual(['flood to 10.77.0.12 vni 100 on vxlan--net1'])
    expect(wanted(node)).toContain('local-mac 02:00:00:00:01:02 on tap2')
    await other.detach({ mac: mac('02:00:00:00:01:02'), ip: null })
    clock.advance(100)
    expect(wanted(node)).toContain('local-mac 02:00:00:00:01:02 on tap2')
  })

  test('a MAC that moves is advertised with a higher sequence, so that others follow (RFC 7432 §15)', async () => {
    clock.advance(20_000)
    await node.attach({
      mac: mac('02:00:00:00:01:02'),
      ip: parseInterfaceAddress('192.168.10.2/24')!,
      port: 'tap2',
    })
    clock.advance(100)
    const moved = [...node.speaker.rib.ownRoutes(EVPN)].find(
      ({ nlri }) => 'mac' in nlri && nlri.mac === mac('02:00:00:00:01:02'),
    )!
    expect(moved.set.attributes.extendedCommunities).toContain('\x06\x00\x00\x00\x00\x00\x00\x01')
  })
})
