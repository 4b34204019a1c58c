import { beforeEach, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import type { Nlri } from '../../src/bgp/nlri/index.ts'
import { localSource, type Source } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { formatMac } from '../../src/values/mac.ts'
import { internalAttributes, RawPeer } from '../support/raw-peer.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

// A route that is taken back while a burst of changes is passed on, and a peer that asks for all routes meanwhile.

const US = '10.77.0.1'
const A = '10.77.0.11'
const B = '10.77.0.12'
const C = '10.77.0.13'
const MOVING = macRoute(A, '02:00:00:00:ff:ff', null)
/** Changes of several slices. */
const OTHERS = Array.from({ length: 5000 }, (_, i) => macRoute(A, formatMac(0x020000000000 + i), null))

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

/** LOCAL_PREF by the MAC address of each route that the peer has been left with. */
function heldBy(peer: RawPeer): Map<number, number | null> {
  const held = new Map<number, number | null>()
  for (const { update } of peer.of('update')) {
    for (const { nlri } of update.unreach) for (const one of nlri) if ('mac' in one) held.delete(one.mac)
    for (const { nlri } of update.reach)
      for (const one of nlri) if ('mac' in one) held.set(one.mac, update.attributes.localPref)
  }
  return held
}

function connect(from: string): RawPeer {
  const capabilities = { ...noCapabilities(), families: [EVPN], fourOctetAs: 64512, routeRefresh: true }
  const identifier = Number(from.split('.')[3])
  return RawPeer.connect(network.transport, ip(from), ip(US), 179).behave({ identifier, capabilities })
}

function advertise({ rib }: Speaker, source: Source, nlri: Nlri, localPref = 100): void {
  const attributes = internalAttributes({ localPref, extendedCommunities: [rt('64512:10')] })
  rib.advertise(source, EVPN, nlri, 0, rib.pool.originated(attributes, ip(A)))
}

/** Does `first`, has the peer ask for all routes, and does `then` when the first changes have been passed on. */
function whileAsked(peer: RawPeer, first: () => void, then: () => void): void {
  clock.after(1, () => {
    first()
    clock.soon(then)
  })
  peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request }))
  clock.advance(5000)
}

test('a route of ours that is withdrawn again leaves nothing behind', () => {
  const speaker = speakerAt(US, [peerConfig(B, { passive: true })], clock, network)
  const source = localSource('EVI-1')
  for (const nlri of OTHERS) advertise(speaker, source, nlri)
  const peer = connect(B)
  clock.advance(5000)
  expect(heldBy(peer).size).toBe(OTHERS.length)
  whileAsked(
    peer,
    () => {
      for (const nlri of OTHERS) speaker.withdraw(source, EVPN, nlri)
      advertise(speaker, source, MOVING)
    },
    () => speaker.withdraw(source, EVPN, MOVING),
  )
  expect([...heldBy(peer)]).toEqual([])
})

test('a better route of another client that is withdrawn again leaves the former one', () => {
  const clients = [A, B, C].map((address) => peerConfig(address, { reflectorClient: true, passive: true }))
  const speaker = speakerAt(US, clients, clock, network, { clusterId: ip(US) })
  const peers = [A, B, C].map(connect)
  clock.advance(5000)
  const [a, , c] = [A, B, C].map((address) => speaker.peers.get(ip(address))!.source)
  advertise(speaker, a!, MOVING)
  clock.advance(1000)
  whileAsked(
    peers[1]!,
    () => {
      for (const nlri of OTHERS) advertise(speaker, a!, nlri)
      advertise(speaker, c!, MOVING, 200)
    },
    () => speaker.rib.withdraw(c!, EVPN, MOVING, 0),
  )
  const held = heldBy(peers[1]!)
  expect([held.size, held.get(MOVING.type === 2 ? MOVING.mac : 0)]).toEqual([OTHERS.length + 1, 100])
})
