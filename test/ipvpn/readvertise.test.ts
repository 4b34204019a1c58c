import { beforeEach, describe, expect, test } from 'vitest'
import { formatAttributes } from '../../src/bgp/attribute/index.ts'
import { ROUTE_TARGET, VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { maskPrefix } from '../../src/bgp/nlri/prefix.ts'
import { localSource, type Route, type Source } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { routeTargetRecord } from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { formatIp, isIpv4, parseInterfaceAddress } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { words } from './words.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const C = '10.77.0.13'
const RR = '10.77.0.1'
/** Of clients, of servers, and of others. */
const CLIENTS = rt('64512:1')
const SERVERS = rt('64512:2')
const OTHERS = rt('64512:3')
const families = [VPNV4, VPNV6]
const peering = { families: [...families, ROUTE_TARGET] }

let clock: VirtualClock
let network: VirtualNetwork
let reflector: Speaker
let a: TestNode

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const clients = [A, B, C].map((address) => peerConfig(address, { ...peering, reflectorClient: true }))
  reflector = speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  a = node(A)
})

function node(address: string, changes: Partial<SpeakerConfig> = {}, reflectors = [RR]): TestNode {
  const peers = reflectors.map((one) => peerConfig(one, peering))
  const made = new TestNode(address, peers, clock, network, changes)
  for (const name of ['tap1', 'tap2', 'mpls0', 'right']) made.driver.kernel.addLink(name, { up: true })
  return made
}

/** The port by which a service takes packets of clients to servers. */
const left = (changes: Partial<AttachRequest> = {}): Partial<AttachRequest> => ({
  type: 'ipvpn',
  vni: null,
  instanceId: 'left',
  ip: parseInterfaceAddress('192.168.10.1/24')!,
  gatewayIp: ip('192.168.10.254'),
  importTargets: [CLIENTS],
  exportTargets: [CLIENTS],
  readvertise: { from: [SERVERS], to: [CLIENTS] },
  ...changes,
})
/** The other one, by which answers come. */
const right = (changes: Partial<AttachRequest> = {}): Partial<AttachRequest> =>
  left({
    instanceId: 'right',
    mac: mac('02:00:00:00:02:02'),
    port: 'right',
    ip: parseInterfaceAddress('192.168.20.1/24')!,
    gatewayIp: ip('192.168.20.254'),
    importTargets: [SERVERS],
    exportTargets: [SERVERS],
    readvertise: { from: [CLIENTS], to: [SERVERS] },
    ...changes,
  })
const second = {
  mac: mac('02:00:00:00:01:02'),
  port: 'tap2',
  ip: parseInterfaceAddress('192.168.10.2/24')!,
}

async function attach(of: TestNode, changes: Partial<AttachRequest>): Promise<void> {
  await of.attach(changes)
  await clock.run(2000)
}

/** What a node advertises, but for its endpoints' own addresses. */
function advertised(of: TestNode): string[] {
  return families
    .flatMap((family) =>
      [...of.speaker.rib.ownRoutes(family)].map(({ nlri, set }) => {
        const { 'extended-community': communities, 'local-preference': preference } = formatAttributes(
          set.attributes,
        )
        return `${nlriCodec(family)!.format(nlri)} by ${formatIp(set.nextHop!)} ${communities} ${preference}`
      }),
    )
    .filter((text) => !text.startsWith('192.168.'))
}

/** Those without what is always the same. */
const brief = (of: TestNode): string[] =>
  advertised(of).map((text) =>
    text.replace(/ by .* consistentHashSortOrder:0/, ' [').replace(/ \] 100$/, ' ]'),
  )

const routes = (of: TestNode): string[] =>
  of
    .wanted()
    .filter(({ kind }) => kind === 'route')
    .map(words)
    .sort()

let sources: Map<string, Source>
beforeEach(() => {
  sources = new Map()
})

/** Another provider edge advertises a prefix; answers with how it takes that back. */
async function hear(
  prefix: string,
  communities = [SERVERS],
  { nextHop = '10.77.0.9', rd = 1, by = reflector } = {},
): Promise<() => Promise<void>> {
  const { ip: address, prefixLength: length } = parseInterfaceAddress(prefix)!
  const family = isIpv4(address) ? VPNV4 : VPNV6
  const name = `${nextHop} ${rd}`
  const source = sources.get(name) ?? localSource(name)
  sources.set(name, source)
  const nlri = {
    rd: ipv4Rd(ip('10.77.0.9'), rd),
    label: mplsField(30),
    ip: maskPrefix(address, length),
    length,
  }
  by.originate(source, family, nlri, { extendedCommunities: communities }, ip(nextHop))
  await clock.run(2000)
  return async () => {
    by.withdraw(source, family, nlri)
    await clock.run(2000)
  }
}

describe('a VRF re-advertises', () => {
  test('routes with one of its targets, for its endpoint, and for nothing else', async () => {
    await attach(a, left({ localPref: 200, hashOrder: 4 }))
    const takeBack = await hear('10.9.0.0/16')
    await hear('10.8.0.0/16', [OTHERS])
    await hear('10.7.0.0/16', [CLIENTS])
    const shown = (
      await clock.while(a.api().inject('/looking-glass/vpns/instances/left/readvertised'))
    ).json()
    expect(shown).toMatchObject([{ '10.9.0.0/16 label 30 next-hop 10.77.0.9 rd 10.77.0.9:1': {} }])
    expect(advertised(a)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2 by 10.77.0.11 [ encap:MPLS consistentHashSortOrder:4 target:64512:1 rtrecord:64512:2 ] 200',
    ])
    await takeBack()
    expect(advertised(a)).toEqual([])
  })

  test('for each endpoint that is reached, under route distinguishers of their own', async () => {
    await hear('10.9.0.0/16')
    await attach(a, left())
    await attach(a, left(second))
    await attach(
      a,
      left({
        mac: mac('02:00:00:00:01:03'),
        port: 'right',
        ip: parseInterfaceAddress('192.168.10.3/24')!,
        direction: 'from-port',
      }),
    )
    expect(brief(a)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:1 rtrecord:64512:2 ]',
      '10.9.0.0/16 label 17 rd 10.77.0.11:3 [ target:64512:1 rtrecord:64512:2 ]',
    ])
    await attach(a, left({ ...second, direction: 'from-port' }))
    expect(brief(a)).toHaveLength(1)
    await a.detach({ instanceId: 'left', type: 'ipvpn' })
    expect(advertised(a)).toEqual([])
  })

  test('for existing endpoints, and until an attach ends it', async () => {
    await hear('10.9.0.0/16')
    await attach(a, left({ readvertise: null }))
    await attach(a, left({ ...second, readvertise: null }))
    expect(advertised(a)).toEqual([])
    await attach(a, left(second))
    expect(brief(a)).toHaveLength(2)
    await attach(a, left({ readvertise: null }))
    expect(brief(a)).toHaveLength(2)
    await attach(a, left({ readvertise: { from: [], to: [] } }))
    expect(advertised(a)).toEqual([])
    await attach(a, left())
    expect(brief(a).map((text) => text.split(' [')[0])).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:3',
      '10.9.0.0/16 label 17 rd 10.77.0.11:2',
    ])
  })

  test('by other targets as soon as an attach names them', async () => {
    await attach(a, left())
    await hear('10.9.0.0/16')
    await hear('10.8.0.0/16', [OTHERS])
    await attach(a, left({ readvertise: { from: [SERVERS, OTHERS], to: [rt('64512:7'), rt('64512:8')] } }))
    expect(brief(a)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:7 target:64512:8 rtrecord:64512:2 ]',
      '10.8.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:7 target:64512:8 rtrecord:64512:3 ]',
    ])
    await attach(a, left({ readvertise: { from: [OTHERS], to: [rt('64512:7')] } }))
    expect(brief(a)).toEqual(['10.8.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:7 rtrecord:64512:3 ]'])
  })

  test('each family for the endpoints that have an address of it', async () => {
    await hear('10.9.0.0/16')
    await hear('2001:db8:9::/48')
    await attach(a, left())
    expect(brief(a)).toHaveLength(1)
    await attach(a, left({ ip: parseInterfaceAddress('2001:db8::1/64')!, gatewayIp: ip('2001:db8::ffff') }))
    expect(brief(a).map((text) => text.split(' [')[0])).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2',
      '2001:db8::1/128 label 16 rd 10.77.0.11:1',
      '2001:db8:9::/48 label 16 rd 10.77.0.11:3',
    ])
  })

  test('a prefix of several routes once, until the last is gone', async () => {
    await attach(a, left())
    const takeBack = [await hear('10.9.0.0/16'), await hear('10.9.0.0/16', [SERVERS, OTHERS], { rd: 2 })]
    const once = '10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:1'
    expect(brief(a)).toEqual([`${once} rtrecord:64512:2 ]`])
    await takeBack[0]!()
    expect(brief(a)).toEqual([`${once} rtrecord:64512:2 rtrecord:64512:3 ]`])
    await takeBack[1]!()
    expect(advertised(a)).toEqual([])
  })

  test('nothing where the label leads to a whole subnet of an EVPN instance', async () => {
    await hear('10.9.0.0/16')
    await attach(a, { ip: null })
    const plugged = left({ mac: mac('02:00:00:00:01:01'), port: { evpn: 'net1' } })
    await attach(a, plugged)
    expect(brief(a)).toHaveLength(1)
    await attach(a, { ...plugged, advertiseSubnet: true })
    expect(advertised(a)).toEqual([])
  })
})

describe('forwarding', () => {
  test('goes by what the import targets bring alone, for packets come back out of the service elsewhere', async () => {
    await attach(a, left())
    await hear('10.9.0.0/16')
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
    const path = '/explain?instance=left&address=10.9.0.0/16'
    const explained = (await clock.while(a.api().inject(path))).body
    expect(explained).toContain('it is imported to be re-advertised only')
    await attach(a, left({ importTargets: [CLIENTS, SERVERS] }))
    expect(routes(a)).toContain('10.9.0.0/16 in bvrf-1 by mpls0 via 10.77.0.9 label 30')
    expect(brief(a)).toHaveLength(1)
  })

  test('of others goes to the endpoints, by their labels or here by their ports', async () => {
    const b = node(B)
    await hear('10.9.0.0/16')
    await attach(a, left())
    await attach(a, left(second))
    const client = left({
      instanceId: 'clients',
      readvertise: null,
      ip: parseInterfaceAddress('172.16.0.1/24')!,
    })
    await attach(b, client)
    await attach(a, { ...client, port: 'right', ip: parseInterfaceAddress('172.16.0.2/24')! })
    expect(routes(b)).toContain(
      '10.9.0.0/16 in bvrf-1 by mpls0 via 10.77.0.11 label 16, mpls0 via 10.77.0.11 label 17',
    )
    expect(routes(a)).toContain('10.9.0.0/16 in bvrf-2 by tap1 via 192.168.10.1, tap2 via 192.168.10.2')
  })
})

describe('nothing goes round', () => {
  test('between the two sides of a service, on one node or on two', async () => {
    await hear('10.9.0.0/16', [SERVERS])
    await hear('172.16.0.0/16', [CLIENTS])
    for (const other of [a, node(B)]) {
      await attach(a, left())
      await attach(other, right())
      expect(
        [...advertised(a), ...(other === a ? [] : advertised(other))].map((text) => text.split(' ')[0]),
      ).toEqual(['10.9.0.0/16', '172.16.0.0/16'])
      await a.detach({ instanceId: 'left', type: 'ipvpn' })
      await other.detach({
        instanceId: 'right',
        type: 'ipvpn',
        mac: mac('02:00:00:00:02:02'),
        ip: ip('192.168.20.1'),
      })
      await clock.run(2000)
    }
  })

  test('through a chain of services, each of which adds what it had; what has been there before is not taken again', async () => {
    const b = node(B)
    const c = node(C)
    await hear('10.9.0.0/16')
    await attach(a, left({ readvertise: { from: [SERVERS], to: [CLIENTS] } }))
    await attach(b, left({ readvertise: { from: [CLIENTS], to: [OTHERS] } }))
    await attach(c, left({ readvertise: { from: [OTHERS], to: [SERVERS] } }))
    expect(brief(b)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.12:2 [ target:64512:3 rtrecord:64512:1 rtrecord:64512:2 ]',
    ])
    expect(advertised(c)).toEqual([])
  })

  test.each([
    ['has a target that it would be given', [SERVERS, CLIENTS], {}],
    ['had one before', [SERVERS, routeTargetRecord(CLIENTS)], {}],
    ['says that it is from this machine', [SERVERS], { nextHop: A }],
    ['has a next hop that no tunnel ends at', [SERVERS], { nextHop: '224.0.0.9' }],
    ['has been through too much', [SERVERS, ...many(128)], {}],
  ])('that %s', async (_what, communities, changes) => {
    await attach(a, left())
    await hear('10.9.0.0/16', communities as (typeof SERVERS)[], changes)
    expect(advertised(a)).toEqual([])
  })

  test('by the same target on both sides', async () => {
    await attach(a, left({ readvertise: { from: [SERVERS, OTHERS], to: [SERVERS] } }))
    await hear('10.9.0.0/16')
    await hear('10.8.0.0/16', [OTHERS])
    expect(brief(a).map((text) => text.split(' ')[0])).toEqual(['10.8.0.0/16'])
  })
})

const many = (count: number) => Array.from({ length: count }, (_, i) => rt(`64513:${i}`))

test('a VRF does not take its own advertisements for others', async () => {
  await attach(a, left({ importTargets: [CLIENTS, SERVERS], exportTargets: [CLIENTS, SERVERS] }))
  await hear('10.9.0.0/16')
  expect(brief(a)).toEqual(['10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:1 rtrecord:64512:2 ]'])
})

test('a route is re-advertised only as long as its next hop is no address of this node', async () => {
  await attach(a, left())
  await hear('10.9.0.0/16', [SERVERS], { nextHop: '10.99.0.9' })
  await hear('10.9.0.0/16', [SERVERS, OTHERS], { nextHop: '10.99.0.10', rd: 2 })
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
  await hear('10.9.0.0/16')
  await attach(a, { ip: null })
  const plugged = left({
    mac: mac('02:00:00:00:01:01'),
    port: { evpn: 'net1' },
    readvertise: null,
  })
  await attach(a, plugged)
  await attach(a, left({ ...second, readvertise: null }))
  const before = a.vpns.snapshot()
  await attach(a, { ...plugged, ip: null, readvertise: { from: [SERVERS], to: [CLIENTS] } })
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
  expect(a.vpns.snapshot()).toMatchObject({ instances: [], footprint: [] })
  // those of the instance and of two endpoints, each once: the refused one had none that was advertised
  expect(a.vpns.snapshot().numbers?.rds.freed).toHaveLength(3)
  expect(a.vpns.snapshot().numbers?.labels.freed).toHaveLength(2)
})

test('a daemon that comes after another advertises the same', async () => {
  await hear('10.9.0.0/16')
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
  await hear('10.9.0.0/16', [SERVERS], { by: far })
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
