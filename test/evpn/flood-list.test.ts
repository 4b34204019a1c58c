import { beforeEach, describe, expect, test } from 'vitest'
import type { PmsiTunnel } from '../../src/bgp/attribute/attributes.ts'
import { PmsiTunnelType } from '../../src/bgp/constants.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { explanationText } from '../../src/cli/explain-text.ts'
import { formatIp, parseInterfaceAddress } from '../../src/values/address.ts'
import type { VpnConfig } from '../../src/vpn/config.ts'
import { TestNode } from '../support/node.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = '10.77.0.11'
const RR = '10.77.0.1'
const OTHER = '10.77.0.12'
const VTEP = '10.99.0.12'
const BROADCAST = 'ff:ff:ff:ff:ff:ff'

let clock: VirtualClock
let reflector: Speaker
let node: TestNode

async function start(changes: Partial<VpnConfig> = {}): Promise<void> {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const clients = [peerConfig(US, { reflectorClient: true })]
  reflector = speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  node = new TestNode(US, [peerConfig(RR)], clock, network, {}, changes).withPorts('tap1')
  await node.attach()
  clock.advance(1000)
}

beforeEach(() => start())

/** Another node advertises that it takes BUM traffic. */
function advertise(tunnel: Partial<PmsiTunnel> | null): void {
  const nlri = { type: 3, rd: ipv4Rd(ip(OTHER), 1), ethernetTag: 0, originator: ip(OTHER) } as const
  const type = PmsiTunnelType.IngressReplication
  const pmsiTunnel =
    tunnel === null ? null : { flags: 0, tunnelType: type, label: 100, tunnelId: ip(VTEP), ...tunnel }
  const extendedCommunities = [encapsulation(8), rt('64512:10')]
  reflector.originate(localSource('other'), EVPN, nlri, { extendedCommunities, pmsiTunnel }, ip(OTHER))
  clock.advance(1000)
}

const floods = (): string[] =>
  node.wanted().flatMap((entry) => (entry.kind === 'flood' ? `${formatIp(entry.dst)} ${entry.vni}` : []))

async function explain(address = BROADCAST) {
  return (await clock.while(node.api().inject(`/explain?address=${encodeURIComponent(address)}`))).json()
}

test('a VTEP with an address of its own is named as next hop, originator and tunnel end (RFC 8365 §5.1.3)', async () => {
  await start({ vtep: ip('10.99.0.11') })
  const ends = [...node.speaker.rib.ownRoutes(EVPN)].map(({ nlri, set }) => [
    'type' in nlri && nlri.type === 3 ? formatIp(nlri.originator) : null,
    formatIp(set.nextHop!),
    set.attributes.pmsiTunnel?.tunnelId ?? null,
  ])
  expect(ends.sort()).toEqual(
    [
      ['10.99.0.11', '10.99.0.11', ip('10.99.0.11')],
      [null, '10.99.0.11', null],
    ].sort(),
  )
})

describe('BUM traffic is replicated', () => {
  test('to the end of the tunnel, which older nodes name there alone', async () => {
    advertise({})
    expect(floods()).toEqual([`${VTEP} 100`])
    expect((await explain()).instances[0]).toMatchObject({
      routes: expect.arrayContaining([
        expect.objectContaining({
          state: 'used',
          reason: null,
          tunnel_end: VTEP,
          next_hop: OTHER,
          vni: 100,
        }),
      ]),
      entries: [{ kind: 'flood' }],
    })
  })

  test.each(['0.0.0.0', '::'])('to the next hop where the end of the tunnel is left open: %s', (open) => {
    advertise({ tunnelId: ip(open) })
    expect(floods()).toEqual([`${OTHER} 100`])
  })

  test('to a next hop only as long as it is no address of this node', () => {
    advertise({ tunnelId: ip('0.0.0.0') })
    const setAddresses = (...all: string[]) => {
      node.driver.kernel.setAddresses(all.map((text) => parseInterfaceAddress(text)!))
      clock.advance(1000)
    }
    setAddresses(`${OTHER}/32`)
    expect(floods()).toEqual([])
    setAddresses(`${US}/32`)
    expect(floods()).toEqual([`${OTHER} 100`])
  })

  test.each([
    ['VNI 0: ours may be of another EVPN instance there', { label: 0 }],
    [
      'PMSI tunnel type 0: BUM traffic is sent by ingress replication alone (type 6)',
      { tunnelType: 0, tunnelId: ip('0.0.0.0') },
    ],
    ['no PMSI tunnel, so no VNI: ours may be of another EVPN instance there', null],
  ])('nowhere, and the route says why: %s', async (reason, tunnel) => {
    advertise(tunnel)
    expect(floods()).toEqual([])
    for (const address of [BROADCAST, '00:00:00:00:00:00', '01:00:5e:00:00:01']) {
      const answer = await explain(address)
      expect(answer.instances[0]).toMatchObject({
        routes: expect.arrayContaining([expect.objectContaining({ state: 'unusable', reason })]),
        entries: [],
      })
    }
    expect(explanationText(await explain())).toContain(`(${reason})`)
  })
})

test('the route of the instance itself is shown as its own', async () => {
  expect(await explain()).toMatchObject({ instances: [{ routes: [{ state: 'ours', next_hop: US }] }] })
})
