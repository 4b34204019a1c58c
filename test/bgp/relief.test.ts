import { expect, test } from 'vitest'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { decodeUpdate } from '../../src/bgp/message/update.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { MP_REACH, TARGET, update, WELL_KNOWN } from '../support/update-bytes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'

test('a peer is read no faster than changes are processed, if very many wait', () => {
  const clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const { rib, peers } = speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
  RawPeer.connect(network.transport, ip(B), ip(A), 179).behave()
  clock.advance(100)
  const set = rib.pool.originated({ ...noAttributes(), extendedCommunities: [rt('64512:10')] }, ip(A))
  const source = localSource('EVI-1')
  for (let i = 0; i < 100_000; i++)
    rib.advertise(source, EVPN, { type: 3, rd: ipv4Rd(ip(A), 1), ethernetTag: i, originator: ip(A) }, 0, set)
  let notified = 0
  rib.listen({ bestChanged: () => notified++ })
  peers.get(ip(B))!.routesIn.apply(decodeUpdate(update(MP_REACH + WELL_KNOWN + TARGET), DEFAULT_CONTEXT))
  expect(notified).toBe(1)
})
