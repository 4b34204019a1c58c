import { afterAll, beforeAll, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS, type SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { systemClock } from '../../src/clock.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, UNDERLAY } from '../../src/lab/network.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { noEvents } from '../support/events.ts'
import { Frr } from '../support/frr.ts'
import { Collector, ip, macRoute, peerConfig, rt } from '../support/speakers.ts'

const AS = 64512
const OTHER_AS = 65001
const RR1 = '10.77.0.1'
const RR2 = '10.77.0.2'
const NODE = '10.77.0.11'
const EXTERNAL = '10.77.0.21'
const FRR = '10.77.0.12'
const NODE_MAC = '02:00:00:00:01:01'
const EXTERNAL_MAC = '02:00:00:00:01:02'
const BLUE = rt('64512:99')

let lab: Lab
let frr: Frr
const speakers: Speaker[] = []

/** FRR has no route target constraint, and is a client of both reflectors. */
const BGPD = `router bgp ${AS}
 bgp router-id ${FRR}
 no bgp default ipv4-unicast
 neighbor ${RR1} remote-as ${AS}
 neighbor ${RR2} remote-as ${AS}
 address-family l2vpn evpn
  neighbor ${RR1} activate
  neighbor ${RR2} activate
`

async function start(
  address: string,
  peers: readonly PeerConfig[],
  changes: Partial<SpeakerConfig> = {},
): Promise<Speaker> {
  const speaker = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: AS,
      identifier: ip(address),
      localAddress: ip(address),
      ...changes,
      peers,
    },
    { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
    () => {},
  )
  speakers.push(speaker)
  expect(await speaker.start()).toBeNull()
  return speaker
}

function advertise(speaker: Speaker, address: string, mac: string): void {
  const extendedCommunities = [encapsulation(8), rt('64512:10')]
  speaker.originate(localSource('EVI-1'), EVPN, macRoute(address, mac, null), { extendedCommunities })
}

beforeAll(async () => {
  lab = new Lab()
  const underlay = await addReflector(lab, RR1)
  const host = await addNode(lab, underlay, 'frr', FRR)
  for (const address of [RR2, NODE, EXTERNAL])
    await run('ip', '-n', underlay.namespace, 'addr', 'add', `${address}/24`, 'dev', UNDERLAY)
  const soon = { connectRetrySeconds: 1 }
  const client = { reflectorClient: true, passive: true }
  const external = peerConfig(EXTERNAL, { as: OTHER_AS, external: 'accept', passive: true })
  await start(RR1, [peerConfig(NODE, client), peerConfig(FRR, client), external, peerConfig(RR2, soon)], {
    clusterId: ip(RR1),
  })
  await start(RR2, [peerConfig(FRR, client), peerConfig(RR1, soon)], { clusterId: ip(RR2) })
  const node = await start(NODE, [peerConfig(RR1, soon)])
  node.subscribe(new Collector(), BLUE)
  advertise(node, NODE, NODE_MAC)
  const other = await start(EXTERNAL, [peerConfig(RR1, { ...soon, external: 'accept' })], { as: OTHER_AS })
  advertise(other, EXTERNAL, EXTERNAL_MAC)
  frr = await Frr.start(lab, host, BGPD)
})

afterAll(() => {
  for (const speaker of speakers) speaker.stop('done')
  lab.close()
})

interface Summary {
  readonly peers?: Readonly<Record<string, { readonly pfxRcd: number; readonly state: string }>>
}

interface Paths {
  readonly paths: readonly (readonly {
    readonly locPrf?: number
    readonly path: string
    readonly nexthops: readonly { readonly ip: string }[]
  }[])[]
}

test('FRR, without memberships, gets routes without an importer, from its reflector and across another (RFC 4684 §4)', async () => {
  await lab.eventually('FRR has both routes of both reflectors', async () => {
    const { peers = {} } = await frr.shown<Summary>('bgp l2vpn evpn summary')
    const received = [RR1, RR2].map((address) => peers[address]?.pfxRcd ?? 0)
    return received.every((count) => count === 2) ? { value: received } : { seen: JSON.stringify(peers) }
  })
})

test('routes from another AS have a LOCAL_PREF (RFC 4271 §5.1.5)', async () => {
  const shown = await frr.shown<Record<string, Record<string, Paths> & Paths>>('bgp l2vpn evpn route type 2')
  const paths = Object.values(shown)
    .filter((one) => typeof one === 'object')
    .flatMap((rd) => Object.values(rd))
    .flatMap((prefix) => (prefix as Paths).paths ?? [])
    .flat()
  const facts = paths.map(({ nexthops, path, locPrf }) => `${nexthops[0]?.ip} ${path} ${locPrf}`).sort()
  expect([...new Set(facts)]).toEqual([`${NODE}  100`, `${EXTERNAL} ${OTHER_AS} 100`])
})
