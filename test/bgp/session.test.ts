import { beforeEach, describe, expect, test } from 'vitest'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

test('KEEPALIVEs leave at most once a second, whatever hold time was agreed (RFC 4271 §4.4)', () => {
  speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
  const times: number[] = []
  const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179)
  peer.onMessage = ({ type }) => {
    if (type === 'open') peer.sendOpen({ holdTimeSeconds: 3 })
    if (type === 'keepalive') times.push(clock.now())
    if (type === 'open' || type === 'keepalive') peer.send(KEEPALIVE)
  }
  clock.advance(30_000)
  expect(times.length).toBeGreaterThan(20)
  const gaps = times.slice(2).map((time, i) => time - times[i + 1]!)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000)
})

test.each([3, 4])(
  'an OPEN of version %i in Established is an error of the FSM (RFC 4271 §8.2.2)',
  (version) => {
    speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave()
    clock.advance(1000)
    peer.sendOpen({ version })
    clock.advance(1000)
    expect(peer.notification).toBe('5/3')
  },
)

describe('of two connections made at once', () => {
  /** A peer of that AS and identifier, with whom both connections are open before either OPEN is sent. */
  function collide(as: number, identifier: number): { readonly survivor: string; readonly loser: string } {
    const speaker: Speaker = speakerAt(A, [peerConfig(B, { as, external: 'accept' })], clock, network)
    const outgoing: RawPeer[] = []
    void RawPeer.listen(network.transport, ip(B), 179, (peer) => outgoing.push(peer))
    clock.advance(10_000)
    const theirs = RawPeer.connect(network.transport, ip(B), ip(A), 179)
    clock.advance(100)
    const ours = outgoing.at(-1)!
    const capabilities = { ...openOf().capabilities, fourOctetAs: as }
    for (const peer of [ours, theirs]) {
      peer.sendOpen({ as, identifier, capabilities })
      clock.advance(100)
    }
    for (const peer of [ours, theirs]) peer.send(KEEPALIVE)
    clock.advance(100)
    expect(speaker.peers.get(ip(B))!.sessions.state).toBe('Established')
    const [lost] = [ours, theirs].filter(({ notification }) => notification !== undefined)
    return { survivor: ours === lost ? 'theirs' : 'ours', loser: lost!.notification! }
  }

  const OUR_IDENTIFIER = 0x0a4d000b
  test.each([
    ['of the higher identifier, the peer', 64512, OUR_IDENTIFIER + 1, 'theirs'],
    ['of the higher identifier, ours', 64512, OUR_IDENTIFIER - 1, 'ours'],
    ['of the higher identifier, read as a number', 64512, 0xf0000001, 'theirs'],
    ['of the larger AS, the peer, where identifiers are equal', 64513, OUR_IDENTIFIER, 'theirs'],
    ['of the larger AS, ours, where identifiers are equal', 64511, OUR_IDENTIFIER, 'ours'],
    ['of the higher identifier, not the larger AS', 64513, OUR_IDENTIFIER - 1, 'ours'],
  ])('lives that %s (RFC 4271 §6.8, RFC 6286 §2.3)', (_, as, identifier, survivor) => {
    expect(collide(as, identifier)).toEqual({ survivor, loser: '6/7' })
  })
})
