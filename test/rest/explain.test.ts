import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { TunnelType } from '../../src/bgp/constants.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { ZERO_ESI } from '../../src/bgp/values/esi.ts'
import { encapsulation, macMobility, type RouteTarget } from '../../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { explanationText } from '../../src/cli/explain-text.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { u32 } from '../../src/values/bytes.ts'
import { mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const OURS = '10.77.0.11'
const REFLECTOR = '10.77.0.1'
const MAC = '02:00:00:00:99:01'
const ADDRESS = '192.168.10.99'
const RED = rt('64512:10')
const BLUE = rt('64512:20')
const VXLAN = encapsulation(TunnelType.Vxlan)

let clock: VirtualClock
let node: TestNode
let reflector: Speaker
let app: FastifyInstance

beforeEach(async () => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  node = new TestNode(OURS, [peerConfig(REFLECTOR, { families: [EVPN] })], clock, network).withPorts(
    'tap1',
    'tap2',
  )
  reflector = speakerAt(REFLECTOR, [peerConfig(OURS, { families: [EVPN] })], clock, network)
  app = node.api()
  await node.attach()
})

/** A route for MAC of the node at `nextHop`. */
function advertise(
  nextHop: string,
  changes: Partial<Attributes> = {},
  address: string | null = ADDRESS,
  vni = 100,
): void {
  reflector.originate(
    localSource(nextHop),
    EVPN,
    macRoute(nextHop, MAC, address, vni),
    { extendedCommunities: [VXLAN, RED], ...changes },
    ip(nextHop),
  )
  clock.advance(2000)
}

async function explain(address: string, instance?: string) {
  const query = new URLSearchParams({ address, ...(instance === undefined ? {} : { instance }) })
  return (await clock.while(app.inject(`/explain?${query}`))).json()
}

const outcomes = async (
  address = MAC,
  instance?: string,
): Promise<[string, string | null, string | null][]> =>
  (await explain(address, instance)).instances[0].routes.map(
    ({ state, next_hop, reason }: Record<string, string>) => [state, next_hop, reason],
  )

describe('a remote address', () => {
  test('is at the route that is used, and in the kernel as that says', async () => {
    advertise('10.77.0.12')
    const { instances, routes } = await explain(MAC)
    expect(routes).toBe(1)
    expect(instances).toMatchObject([
      {
        id: 'net1',
        vni: 100,
        import: ['64512:10'],
        local: [],
        routes: [
          {
            state: 'used',
            reason: null,
            next_hop: '10.77.0.12',
            vni: 100,
            source: `BGP-${REFLECTOR}`,
            mobility: { sequence: 0, sticky: false },
            route_targets: ['64512:10'],
            stale: false,
          },
        ],
        entries: [
          { kind: 'remote-mac', dst: '10.77.0.12', vni: 100, state: 'programmed' },
          { kind: 'neighbour', ip: ADDRESS, mac: MAC, state: 'programmed' },
        ],
      },
    ])
  })

  test.each([
    ['LOCAL_PREF', { localPref: 200 }, 'higher LOCAL_PREF (200 over 100)'],
    ['sticky', { extendedCommunities: [VXLAN, RED, macMobility({ sticky: true, sequence: 0 })] }, 'sticky'],
    [
      'mobility',
      { extendedCommunities: [VXLAN, RED, macMobility({ sticky: false, sequence: 5 })] },
      'higher mobility sequence (5 over 0)',
    ],
    ['next hop', {}, 'lower next hop (10.77.0.12 over 10.77.0.9)'],
  ])('is at the better of two routes by %s', async (name, changes, criterion) => {
    const loser = name === 'next hop' ? '10.77.0.13' : '10.77.0.9'
    advertise(loser)
    advertise('10.77.0.12', changes)
    const expected = criterion.replace('10.77.0.9', loser)
    expect(await outcomes()).toEqual([
      ['used', '10.77.0.12', null],
      ['beaten', loser, `10.77.0.12 is better: ${expected}`],
    ])
    expect(await outcomes(ADDRESS)).toEqual(await outcomes())
  })

  test('is not at routes that cannot be used', async () => {
    advertise('10.77.0.12', { extendedCommunities: [RED] })
    advertise(OURS)
    advertise('10.77.0.13', {}, ADDRESS, 0)
    expect(new Set(await outcomes())).toEqual(
      new Set([
        ['unusable', '10.77.0.12', 'no VXLAN encapsulation'],
        ['unusable', OURS, 'next hop is an address of this node'],
        ['unusable', '10.77.0.13', 'VNI 0'],
      ]),
    )
    expect((await explain(MAC)).instances[0].entries).toEqual([])
  })

  test('is not imported for want of a common route target', async () => {
    advertise('10.77.0.12', { extendedCommunities: [VXLAN, BLUE] })
    const reason = 'no common route target: it carries 64512:20, the instance imports 64512:10'
    expect(await outcomes()).toEqual([['not imported', '10.77.0.12', reason]])
    await node.attach({
      instanceId: 'net2',
      port: 'tap2',
      vni: 200,
      importTargets: [BLUE],
      mac: mac('02:00:00:00:01:07'),
    })
    clock.advance(1000)
    expect((await explain(MAC)).instances).toMatchObject([{ id: 'net2', routes: [{ state: 'used' }] }])
    expect(await outcomes(MAC, 'net1')).toEqual([['not imported', '10.77.0.12', reason]])
  })

  test('shows what the kernel refused', async () => {
    node.driver.fail(
      (op, entry) => op === 'set' && entry.kind === 'remote-mac',
      refusal('ENOMEM', 'no room'),
      100,
    )
    advertise('10.77.0.12')
    const answer = await explain(ADDRESS)
    expect(answer.instances[0].entries).toMatchObject([
      { kind: 'remote-mac', state: 'failed', reason: 'ENOMEM: no room' },
      { kind: 'neighbour', state: 'programmed' },
    ])
    expect(explanationText(answer)).toMatch(
      /in the kernel: remote-mac 02:00:00:00:99:01 on vxlan--net1, to 10\.77\.0\.12 vni 100, FAILED, since .*, ENOMEM: no room/,
    )
  })
})

describe('a local address', () => {
  test('stays here for any received route', async () => {
    reflector.originate(
      localSource('x'),
      EVPN,
      macRoute('10.77.0.12', '02:00:00:00:01:01', null),
      { extendedCommunities: [VXLAN, RED] },
      ip('10.77.0.12'),
    )
    clock.advance(2000)
    const answer = await explain('02:00:00:00:01:01')
    expect(answer.instances).toMatchObject([
      {
        local: [{ mac: '02:00:00:00:01:01', ip: '192.168.10.1', port: 'tap1', direction: 'both' }],
        routes: [
          { state: 'beaten', next_hop: '10.77.0.12', reason: 'a local endpoint wins' },
          { state: 'ours', next_hop: OURS, reason: `advertised with 64512:10 to ${REFLECTOR}` },
        ],
        entries: [{ kind: 'local-mac', device: 'tap1', state: 'programmed' }],
      },
    ])
    expect(explanationText(answer)).toBe(
      [
        'net1 (EVI-1, VNI 100, imports 64512:10)',
        `  attached here: 02:00:00:00:01:01 192.168.10.1 on tap1, both, mobility sequence ${answer.instances[0].local[0].sequence}`,
        `  BEATEN  10.77.0.12  vni 100  from BGP-10.77.0.1  ${answer.instances[0].routes[0].route}             (a local endpoint wins)`,
        `  OURS    10.77.0.11  vni 100  from EVI-1          ${answer.instances[0].routes[1].route}  (advertised with 64512:10 to ${REFLECTOR})`,
        '  in the kernel: local-mac 02:00:00:00:01:01 on tap1, programmed',
      ].join('\n'),
    )
  })
})

test.each(['10.2.0.0/16', '10.2.0.1'])(
  'an IP prefix route of EVPN is shown for %s, and is used by no instance',
  async (address) => {
    const nlri = {
      type: 5,
      rd: ipv4Rd(ip('10.77.0.12'), 1),
      esi: ZERO_ESI,
      ethernetTag: 0,
      prefix: { ip: ip('10.2.0.0'), length: 16 },
      gateway: ip('0.0.0.0'),
      label: 4000,
    } as const
    const source = localSource('EVI-1')
    const originate = (target: RouteTarget) => {
      reflector.originate(source, EVPN, nlri, { extendedCommunities: [VXLAN, target] }, ip('10.77.0.12'))
      clock.advance(2000)
    }
    originate(BLUE)
    expect(explanationText(await explain(address))).toContain('no instance to import them')
    originate(RED)
    const answer = await explain(address)
    expect(answer).toMatchObject({ instances: [], unused: [{ state: 'unusable', next_hop: '10.77.0.12' }] })
    const text = explanationText(answer)
    expect(text).toContain(`${address} is not attached here, and no instance uses a route for it`)
    expect(text).toContain('(IP prefix routes of EVPN are not used)')
  },
)

test('a MAC address with several IP addresses here has one kernel entry', async () => {
  await node.attach({ ip: parseInterfaceAddress('2001:db8::1/64')! })
  const [instance] = (await explain('02:00:00:00:01:01')).instances
  expect(instance.local).toHaveLength(2)
  expect(instance.entries).toMatchObject([{ kind: 'local-mac', device: 'tap1', state: 'programmed' }])
})

describe('routes that are not in the RIB', () => {
  test('a route of ours that a reflector sends back is shown, until it is withdrawn', async () => {
    const source = localSource('echo')
    const nlri = macRoute(OURS, MAC, null)
    const attributes = { extendedCommunities: [VXLAN, RED], originatorId: u32(ip(OURS), 0) }
    reflector.originate(source, EVPN, nlri, attributes, ip('10.77.0.12'))
    clock.advance(2000)
    const answer = await explain(MAC)
    expect(answer.dropped).toEqual([
      {
        source: `BGP-${REFLECTOR}`,
        route: expect.stringContaining(MAC),
        reason: 'taken for a loop: ORIGINATOR_ID is ours',
      },
    ])
    expect(explanationText(answer)).toContain('which is not kept: taken for a loop')
    expect((await explain('02:00:00:00:99:02')).dropped).toEqual([])
    reflector.withdraw(source, EVPN, nlri)
    clock.advance(2000)
    expect((await explain(MAC)).dropped).toEqual([])
  })
})

describe('an address without a route or endpoint', () => {
  test('is nowhere', async () => {
    const answer = await explain('192.168.10.77')
    expect(answer).toEqual({
      address: '192.168.10.77',
      instances: [],
      routes: 0,
      filtered_by: [],
      down: [],
      quarantined: [],
      dropped: [],
      malformed: [],
    })
    expect(explanationText(answer)).toMatch(/^192\.168\.10\.77 is not attached here, and no peer has a route/)
  })

  test.each([
    ['', 400, "missing parameter 'address': expected a MAC address, an IP address or a prefix"],
    ['address=vm1', 400, '\'address\' is "vm1": expected a MAC address, an IP address or a prefix'],
    [`address=${MAC}&instance=net9`, 404, 'there is no VPN instance net9'],
    [`address=${MAC}&where=here`, 400, "unknown parameter 'where': expected address, instance"],
  ])('%s is refused', async (query, code, description) => {
    expect((await app.inject(`/explain?${query}`)).json()).toMatchObject({ code, description })
  })
})
