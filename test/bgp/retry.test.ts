import { beforeEach, expect, test } from 'vitest'
import { ceaseWithText, encodeNotification } from '../../src/bgp/message/notification.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const NODE = '10.77.0.13'
const PEER = '10.77.0.1'
const CEASE = encodeNotification(ceaseWithText(5, 'connection rejected'))

let clock: VirtualClock
let network: VirtualNetwork
/** Seconds between tries; a random factor of 0.875 in this test. */
const FAST_THEN_SLOW = [...Array.from({ length: 36 }, () => 0.2), 4.4, 8.8]
/** When each connection was made, in milliseconds after the start. */
let tries: number[]

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  tries = []
})

/** A peer that turns away the first connections, with a NOTIFICATION unless the test says otherwise, and ends each session that is established after them. */
async function peerThat(
  turnsAway: number,
  refuse: (peer: RawPeer) => void = (peer) => peer.send(CEASE),
): Promise<void> {
  await RawPeer.listen(network.transport, ip(PEER), 179, (peer) => {
    tries.push(clock.now())
    if (tries.length > turnsAway) peer.behave()
    else peer.onMessage = () => refuse(peer)
  })
  speakerAt(NODE, [peerConfig(PEER)], clock, network)
}

test('a peer that turns away the first connection after a start has the next one soon', async () => {
  await peerThat(1)
  clock.advance(1000)
  expect(tries).toHaveLength(2)
})

test('the first tries follow each other fast, later ones as configured', async () => {
  await peerThat(Number.POSITIVE_INFINITY)
  clock.advance(40_000)
  const gaps = tries.slice(1).map((at, i) => Math.round((at - tries[i]!) / 100) / 10)
  expect(gaps.slice(0, FAST_THEN_SLOW.length)).toEqual(FAST_THEN_SLOW)
})

test('a connection that the peer closes before its OPEN, as GoBGP does after a session, is made again as fast', async () => {
  await peerThat(Number.POSITIVE_INFINITY, ({ connection }) => connection?.close())
  clock.advance(40_000)
  const gaps = tries.slice(1).map((at, i) => Math.round((at - tries[i]!) / 100) / 10)
  expect(gaps.slice(0, FAST_THEN_SLOW.length)).toEqual(FAST_THEN_SLOW)
})

test('a session that ends again and again is damped (RFC 4271 §8.1.1)', async () => {
  await peerThat(0)
  for (let times = 0; times < 3; times++) {
    clock.advance(10_000)
    network.reset(ip(NODE), ip(PEER))
  }
  clock.advance(4000)
  expect(tries).toHaveLength(3)
})

test('probes of our port from the address of the peer delay no try', async () => {
  const sessions: RawPeer[] = []
  await RawPeer.listen(network.transport, ip(PEER), 179, (peer) => {
    tries.push(clock.now())
    sessions.push(peer.behave())
  })
  const speaker = speakerAt(NODE, [peerConfig(PEER)], clock, network)
  const probe = (): void => {
    const { connection } = RawPeer.connect(network.transport, ip(PEER), ip(NODE), 179)
    clock.advance(100)
    connection!.close()
    clock.advance(900)
  }
  for (let times = 0; times < 60; times++) probe()
  const lostAt = clock.now()
  sessions[0]!.connection!.close()
  for (let times = 0; times < 60; times++) probe()
  expect(speaker.peers.get(ip(PEER))!.sessions.state).toBe('Established')
  expect(tries).toHaveLength(2)
  expect(tries[1]! - lostAt).toBeLessThan(10_000)
})
