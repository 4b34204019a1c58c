import { expect, test } from 'vitest'
import { VPNV4 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { localSource, type Route } from '../../src/bgp/rib/route.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import {
  A,
  a,
  advertised,
  attach,
  B,
  brief,
  C,
  CLIENTS,
  clock,
  families,
  left,
  network,
  node,
  OTHERS,
  peering,
  RR,
  receive,
  reflector,
  SERVERS,
  second,
} from './readvertise-setup.ts'

test('a VRF does not take its own advertisements for others', async () => {
  await attach(a, left({ importTargets: [CLIENTS, SERVERS], exportTargets: [CLIENTS, SERVERS] }))
  await receive('10.9.0.0/16')
  expect(brief(a)).toEqual(['10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:1 rtrecord:64512:2 ]'])
})

test('a route is re-advertised only as long as its next hop is no address of this node', async () => {
  await attach(a, left())
  await receive('10.9.0.0/16', [SERVERS], { nextHop: '10.99.0.9' })
  await receive('10.9.0.0/16', [SERVERS, OTHERS], { nextHop: '10.99.0.10', rd: 2 })
  const setAddresses = async (...texts: string[]) => {
    a.driver.kernel.setAddresses(texts.map((text) => parseInterfaceAddress(text)!))
    await clock.run(2000)
  }
  const once = '10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:1'
  await setAddresses('10.99.0.9/32')
  expect(brief(a)).toEqual([`${once} rtrecord:64512:2 rtrecord:64512:3 ]`])
  await setAddresses('10.99.0.9/32', '10.99.0.10/32')
  expect(advertised(a)).toEqual([])
  await setAddresses('10.77.0.11/24')
  expect(brief(a)).toEqual([`${once} rtrecord:64512:2 ]`])
})

test('of an attach that an endpoint with address covers, what it asks to re-advertise counts at once', async () => {
  await receive('10.9.0.0/16')
  await attach(a, { ip: null })
  const irb = left({
    mac: mac('02:00:00:00:01:01'),
    port: { evpn: 'net1' },
    readvertise: null,
  })
  await attach(a, irb)
  await attach(a, left({ ...second, readvertise: null }))
  const before = a.vpns.snapshot()
  await attach(a, { ...irb, ip: null, readvertise: { from: [SERVERS], to: [CLIENTS] } })
  expect(brief(a).map((text) => text.split(' [')[0])).toEqual([
    '10.9.0.0/16 label 17 rd 10.77.0.11:3',
    '10.9.0.0/16 label 18 rd 10.77.0.11:4',
  ])
  expect(before.instances[1]?.attachments).toHaveLength(2)
  expect(a.vpns.snapshot().instances[1]?.attachments.map(({ readvertiseRd }) => readvertiseRd)).toEqual([
    3, 4,
  ])
})

test('numbers of route distinguishers are released, by a refused attach as well', async () => {
  await attach(a, left({ readvertise: null }))
  a.driver.fail(() => true, refusal('EPERM'), 1)
  await expect(a.attach(left(second))).rejects.toThrow('EPERM')
  expect(a.vpns.snapshot().instances[0]).toMatchObject({
    readvertise: null,
    attachments: [{ readvertiseRd: null }],
  })
  await attach(a, left(second))
  for (const [one, address] of [
    [{}, '192.168.10.1'],
    [{ mac: second.mac }, '192.168.10.2'],
  ] as const)
    await a.detach({ instanceId: 'left', type: 'ipvpn', ...one, ip: ip(address) })
  await clock.run(1000)
  expect(a.vpns.snapshot()).toMatchObject({ instances: [], pending: [] })
  // those of the instance and of two endpoints, each once: the refused one had none that was advertised
  expect(a.vpns.snapshot().numbers?.rds.freed).toHaveLength(3)
  expect(a.vpns.snapshot().numbers?.labels.freed).toHaveLength(2)
})

test('a daemon that comes after another advertises the same', async () => {
  await receive('10.9.0.0/16')
  await attach(a, left())
  await attach(a, left(second))
  const before = advertised(a)
  const later = new TestNode(B, [peerConfig(RR, peering)], clock, network, {}, { identifier: ip(A) })
  await later.vpns.restore(a.vpns.snapshot())
  await clock.run(5000)
  expect(advertised(later).map((text) => text.replace(`by ${B}`, `by ${A}`))).toEqual(before)
  expect(later.vpns.snapshot().instances).toEqual(a.vpns.snapshot().instances)
})

test('a daemon that follows another takes nothing back, though it learns first what it re-advertises', async () => {
  const restart = { timeSeconds: 120, families, isRestart: false, holdsEndOfRib: false, followsOthers: false }
  // who has the route is the last to come back
  const FAR = '10.77.0.2'
  const far = speakerAt(FAR, [peerConfig(C, { ...peering, reflectorClient: true })], clock, network, {
    clusterId: ip(FAR),
  })
  const one = node(C, { restart }, [RR, FAR])
  await attach(one, left())
  await receive('10.9.0.0/16', [SERVERS], { by: far })
  await clock.run(20_000)
  expect(brief(one)).toHaveLength(1)
  const gone: string[] = []
  const bestChanged = (previous: Route | null, current: Route | null) => {
    const isLost = previous !== null && current === null && families.includes(previous.family)
    if (isLost) gone.push(nlriCodec(previous.family)!.format(previous.nlri))
  }
  reflector.rib.listen({ bestChanged })
  one.reconciler.stop()
  one.speaker.stop('restart')
  network.cut(ip(FAR), ip(C))
  await clock.run(1000)
  const two = node(C, { restart: { ...restart, isRestart: true, followsOthers: true } }, [RR, FAR])
  await two.vpns.restore(one.vpns.snapshot())
  await clock.run(5_000)
  expect(brief(two)).toEqual([])
  network.mend(ip(FAR), ip(C))
  await clock.run(200_000)
  expect(brief(two)).toHaveLength(1)
  expect(gone).toEqual([])
  await two.detach({ instanceId: 'left', type: 'ipvpn' })
  await clock.run(1000)
  expect(gone.map((text) => text.split(' ')[0]).sort()).toEqual(['10.9.0.0/16', '192.168.10.1/32'])
})

test('routes and endpoints, however many, are advertised and withdrawn in slices', async () => {
  const endpoints = 5
  const prefixes = 1000
  for (let i = 1; i <= endpoints; i++) {
    a.driver.kernel.addLink(`more${i}`, { up: true })
    const address = parseInterfaceAddress(`192.168.10.${i}/24`)!
    await attach(a, left({ mac: mac('02:00:00:00:01:00') + i, port: `more${i}`, ip: address }))
  }
  const instance = a.vpns.instances.get('left')!
  const routes = instance.type === 'ipvpn' ? instance.vrf.source.routes : null
  const advertised = () => routes!.get(VPNV4)!.size
  /** The largest change in one turn until nothing changes any more. */
  const largestStep = (): number => {
    const seen = [advertised()]
    const watch = () => {
      seen.push(advertised())
      if (seen.length < 20) clock.soon(watch)
    }
    clock.soon(watch)
    clock.advance(100)
    return Math.max(...seen.slice(1).map((now, i) => Math.abs(now - seen[i]!)))
  }

  const others = localSource('others')
  for (let i = 0; i < prefixes; i++) {
    const address = ip(`10.9.${i >> 8}.${i & 255}`)
    const nlri = { rd: ipv4Rd(ip(C), 1), label: mplsField(30), ip: address, length: 32 }
    a.speaker.originate(others, VPNV4, nlri, { extendedCommunities: [SERVERS] }, ip(C))
  }
  expect(largestStep()).toBeLessThanOrEqual(1000)
  expect(advertised()).toBe(endpoints + endpoints * prefixes)

  instance.routing.close()
  expect(largestStep()).toBeLessThanOrEqual(1000)
  expect(advertised()).toBe(0)
})

test.each([1, 2, 3, 4])(
  'prefixes that come back, as an endpoint goes, while they are withdrawn are advertised: after %i turns',
  async (turns) => {
    const prefixes = 500
    const endpoints = [1, 2, 3]
    for (const i of endpoints) {
      a.driver.kernel.addLink(`more${i}`, { up: true })
      const address = parseInterfaceAddress(`192.168.10.${i}/24`)!
      await attach(a, left({ mac: mac('02:00:00:00:01:00') + i, port: `more${i}`, ip: address }))
    }
    const instance = a.vpns.instances.get('left')!
    const sources = [localSource('one'), localSource('other')] as const
    const again = () => advertised(a).filter((text) => text.includes(`rd ${A}:`))
    const routes = (rd: 1 | 2) =>
      Array.from({ length: prefixes }, (_, i) => ({
        rd: ipv4Rd(ip(C), rd),
        label: mplsField(30),
        ip: ip(`10.9.${i >> 8}.${i & 255}`),
        length: 32,
      }))
    for (const nlri of routes(1))
      a.speaker.originate(sources[0], VPNV4, nlri, { extendedCommunities: [SERVERS] }, ip(C))
    clock.advance(100)
    expect(again()).toHaveLength(3 * prefixes)
    for (const nlri of routes(1)) a.speaker.withdraw(sources[0], VPNV4, nlri)
    let turn = 0
    const later = () => {
      if (++turn < turns) return clock.soon(later)
      for (const nlri of routes(2))
        a.speaker.originate(sources[1], VPNV4, nlri, { extendedCommunities: [SERVERS] }, ip(C))
      instance.routing.removeEndpoint([...instance.attachments][0]!)
    }
    clock.soon(later)
    clock.advance(1000)
    expect(again()).toHaveLength(2 * prefixes)
  },
)
