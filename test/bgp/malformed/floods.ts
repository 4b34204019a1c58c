import { expect } from 'vitest'
import { EVPN } from '../../../src/bgp/family.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { encodeOpen } from '../../../src/bgp/message/open.ts'
import { localSource } from '../../../src/bgp/rib/route.ts'
import { macRoute, rt } from '../../support/speakers.ts'
import type { TcpPeer } from '../../support/tcp-peer.ts'
import { until } from '../../support/until.ts'
import {
  attribute,
  LOCAL_PREF,
  MP_REACH,
  MP_UNREACH,
  ORIGIN,
  TARGET,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { HOST, loopback } from '../../support/victim.ts'
import { type Case, expectNotification, scene } from './cases.ts'
import { advertisement, type Field, openFrom } from './field.ts'

const OPEN = encodeOpen(openFrom(HOST.internal))
const GOOD = update(MP_REACH + WELL_KNOWN + TARGET)
const GONE = update(MP_UNREACH)
/** An AS_PATH is missing: the route counts as withdrawn. */
const BROKEN = update(MP_REACH + ORIGIN + LOCAL_PREF + TARGET)
const WANTS_ALL = update(attribute(0x80, 14, `000184040a0000010000`) + WELL_KNOWN)
const GARBAGE = update(attribute(0x80, 14, `00194604${'0a000001'}00${'0203abcdef'.repeat(500)}`) + WELL_KNOWN)
const MIB = 2 ** 20
/** Of the peer that may say a hundred routes. */
export const LIMIT = 100

const times = (count: number, bytes: Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => bytes))
const macs = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => {
    const number = from + i
    return `02:cc:00:${[number >>> 16, number >>> 8, number].map((n) => (n & 255).toString(16).padStart(2, '0')).join(':')}`
  })

/** What is sent in one go leaves the session up; the API answers meanwhile. */
function endured(sent: string, bytes: () => Buffer, check: (field: Field) => void = () => {}): Case {
  return scene(`4271 §8: ${sent} → Established, and the API answers`, async (field) => {
    const peer = await field.at('Established')
    peer.send(bytes())
    expect((await field.victim.get('/looking-glass/bgp/peers')).status).toBe(200)
    await field.taken(peer)
    check(field)
  })
}

export const floods: readonly Case[] = [
  endured('100000 KEEPALIVEs at once', () => times(100_000, KEEPALIVE)),
  endured('20000 times a route and its end', () => times(20_000, Buffer.concat([GOOD, GONE]))),
  endured(
    '50000 times the same route',
    () => times(50_000, GOOD),
    (field) => expect(field.bgpPeer().source.routeCount).toBe(2),
  ),
  endured('20000 UPDATEs that count as withdraws', () => times(20_000, BROKEN)),
  endured(
    '200 UPDATEs of 500 NLRI that cannot be read',
    () => times(200, GARBAGE),
    (field) => expect(field.bgpPeer().routesIn.quarantine).toHaveLength(100),
  ),
  endured('50000 UPDATEs that say nothing', () => times(50_000, update(''))),
  endured('20000 times a membership of everything and its end', () =>
    times(20_000, Buffer.concat([WANTS_ALL, update(attribute(0x80, 15, '00018400'))])),
  ),
  scene(
    '4486 §4: more routes than are allowed → 6/1, and the peer stays away until it is reset',
    async (field) => {
      const { sessions: limited, source } = field.bgpPeer(HOST.client)
      const peer = await field.at('Established', HOST.client)
      peer.send(advertisement(loopback(HOST.client), macs(LIMIT)))
      await until('as many as are allowed', () => source.routeCount === LIMIT)
      expect(limited.state).toBe('Established')
      peer.send(advertisement(loopback(HOST.client), macs(1, LIMIT)))
      await expectNotification(peer, '6/1 00194600000064')
      await until('its routes to go', () => source.routeCount === 0)
      const again = field.connect(HOST.client)
      await again.ends()
      limited.start()
      const third = await field.at('Established', HOST.client)
      third.send(KEEPALIVE)
      expect(limited.downReason).toBeNull()
    },
  ),
  scene(
    '4486 §4: a flood of routes over the limit in one segment → 6/1, nothing of it kept',
    async (field) => {
      const { sessions: limited, source } = field.bgpPeer(HOST.client)
      const peer = await field.at('Established', HOST.client)
      peer.send(
        Buffer.concat(
          Array.from({ length: 500 }, (_, i) => advertisement(loopback(HOST.client), macs(100, 100 * i))),
        ),
      )
      await peer.receives(3)
      await until('its routes to go', () => source.routeCount === 0)
      limited.start()
    },
  ),
  scene('4271 §6.8: 200 connections at once → one of them is served', async (field) => {
    const peers = Array.from({ length: 200 }, () => field.connect())
    await until('all to connect', () => peers.every(({ connected }) => connected))
    const last = await until('one that is left', () => {
      const left = peers.filter(({ ended }) => ended === null)
      return left.length === 1 ? left[0] : undefined
    })
    await last.receives(1)
    last.send(OPEN, KEEPALIVE)
    await field.taken(last)
  }),
  scene('4271 §8: 200 connections from a stranger → all refused', async (field) => {
    const peers = Array.from({ length: 200 }, () => field.connect(HOST.stranger))
    for (const peer of peers) await peer.ends()
    expect(peers.flatMap(({ received }) => received)).toEqual([])
  }),
  scene('4271 §8: 200 sessions, each reset when it is up → the next is served', async (field) => {
    for (let i = 0; i < 200; i++) {
      const peer = await field.at('Established')
      peer.send(GOOD)
      peer.reset()
      await until('its end', () => field.bgpPeer().sessions.session === null)
    }
    await field.taken(await field.at('Established'))
  }),
]

/** Sends an octet each ten seconds, until the hold timer has expired. */
async function dribble({ victim }: Field, peer: TcpPeer, octets: Buffer): Promise<void> {
  for (const octet of octets) {
    peer.send(Buffer.of(octet))
    await until('the octet to leave', () => peer.socket.writableLength === 0)
    victim.clock.skip(10_000)
  }
  expect(peer.ended).toBeNull()
  victim.clock.skip(10_000)
  await expectNotification(peer, '4/0')
}

/** RFC 4271 §6.5, RFC 9687: peers that take their time. */
export const slow: readonly Case[] = [
  scene('4271 §8.2.2: an OPEN of one octet in ten seconds → 4/0', async (field) => {
    await dribble(field, await field.at('OpenSent'), OPEN.subarray(0, 23))
  }),
  scene('4271 §6.5: an UPDATE of one octet in ten seconds → 4/0', async (field) => {
    await dribble(field, await field.at('Established'), GOOD.subarray(0, 8))
  }),
  scene('4271 §8: 50 connections that say nothing → the next is served', async (field) => {
    for (let i = 0; i < 50; i++) field.connect()
    await field.taken(await field.at('Established'))
  }),
  scene('9687 §3: a window of zero → little waits for it, and 8/0 after eight minutes', async (field) => {
    await withManyRoutes(field, async () => {
      const peer = await stalled(field)
      const { session } = field.bgpPeer().sessions
      expect(session!.unsent).toBeLessThan(2 * MIB)
      for (let minutes = 0; minutes < 9; minutes++) {
        peer.send(KEEPALIVE)
        await until('the KEEPALIVE to leave', () => peer.socket.writableLength === 0)
        field.victim.clock.skip(60_000)
        expect((await field.victim.get('/looking-glass/bgp/peers')).status).toBe(200)
      }
      expect(field.stateOf()).not.toBe('Established')
      expect(field.bgpPeer().sessions.lastError).toBe('send hold timer expired')
    })
  }),
  scene('4271 §8: a window of zero, opened again → everything arrives', async (field) => {
    await withManyRoutes(field, async () => {
      const peer = await stalled(field)
      peer.socket.resume()
      await until('every route', () => peer.count(2) >= MANY)
      await field.taken(peer)
    })
  }),
]

/** More than the buffers of a connection take. */
const MANY = 12_000
const UNUSED_TARGET = rt('64512:99')

/** The victim originates routes for all peers with memberships, each in an UPDATE of its own. */
async function withManyRoutes(field: Field, play: () => Promise<void>): Promise<void> {
  const { speaker } = field.victim
  const source = localSource('many')
  const routes = macs(MANY).map((mac) => macRoute('10.0.0.100', mac, null))
  for (const [i, route] of routes.entries()) {
    const communities = Array.from({ length: 150 }, (_, j) => 1000 * i + j)
    speaker.originate(source, EVPN, route, { extendedCommunities: [UNUSED_TARGET], communities })
  }
  try {
    await play()
  } finally {
    for (const route of routes) speaker.withdraw(source, EVPN, route)
  }
}

/** A peer that wants every route and reads none of them. */
async function stalled(field: Field) {
  const peer = await field.at('Established')
  await field.received(peer)
  peer.socket.pause()
  peer.send(WANTS_ALL)
  const session = field.bgpPeer().sessions.session!
  await until('the network to take no more', () => session.unsent > 256 * 1024, {
    seen: () => `${session.unsent} octets wait`,
  })
  return peer
}
