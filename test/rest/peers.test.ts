import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import type { PeerSessions } from '../../src/bgp/session/peer-sessions.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { testServer } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const OURS = '10.77.0.11'
const THEIRS = '10.77.0.1'
const RED = rt('64512:10')
const source = localSource('EVI-1')

let clock: VirtualClock
let network: VirtualNetwork
let app: FastifyInstance
let us: Speaker
let them: Speaker

/** A daemon's API, its speaker, and the speaker at the other end. */
function start(changes: Partial<PeerConfig> = {}, theirs: Partial<PeerConfig> = {}): void {
  us = speakerAt(OURS, [peerConfig(THEIRS, changes), peerConfig('2001:db8::1')], clock, network)
  them = speakerAt(THEIRS, [peerConfig(OURS, { passive: true, ...theirs })], clock, network)
  app = testServer({ speaker: us, clock })
  clock.advance(2000)
}

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

const order = (action: string, body?: unknown, address = THEIRS) =>
  app.inject({
    method: 'POST',
    url: `/bgp/peers/${encodeURIComponent(address)}/${action}`,
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
const shown = async (path = ''): Promise<Record<string, unknown>> =>
  (await app.inject(`/looking-glass/bgp/peers/${THEIRS}${path}`)).json()
const listed = async (): Promise<unknown> => (await app.inject('/looking-glass/bgp/peers')).json()[0]
const far = (): PeerSessions => them.peers.get(ip(OURS))!.sessions

describe('orders of an operator', () => {
  test('disable ends the session with the text, and keeps it down until enable', async () => {
    start()
    const answer = await order('disable', { reason: 'cable work ☎' })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, expect.stringMatching('json')])
    expect(answer.json()).toMatchObject({ id: THEIRS, state: 'Idle', reason: 'disabled: cable work ☎' })
    clock.advance(300_000)
    expect(far().lastError).toMatch(/AdministrativeShutdown \(6\/2\): "cable work ☎"$/)
    expect(await listed()).toMatchObject({ state: 'Idle', reason: 'disabled: cable work ☎' })
    expect((await order('enable')).statusCode).toBe(200)
    clock.advance(2000)
    expect(await listed()).toMatchObject({ state: 'Established', reason: null })
  })

  test('reset starts the session again', async () => {
    start()
    expect((await order('reset', { reason: 'new policy' })).statusCode).toBe(200)
    clock.advance(1)
    expect(far().lastError).toMatch(/AdministrativeReset \(6\/4\): "new policy"$/)
    clock.advance(10_000)
    expect(await listed()).toMatchObject({ state: 'Established' })
    expect(await shown('/protocol')).toMatchObject({ established_count: 2 })
  })

  test('reset reconnects a peer that sent too many routes, and its reason is shown until then', async () => {
    start({ maxPrefixes: 1 })
    us.subscribe(new Collector(), RED)
    const send = (mac: string) =>
      them.originate(source, EVPN, macRoute(THEIRS, mac, null), { extendedCommunities: [RED] })
    send('02:00:00:00:01:01')
    clock.advance(1000)
    expect(await shown()).toMatchObject({
      configuration: { max_prefixes: 1 },
      routes: { by_family: { 'l2vpn/evpn': 1 } },
    })
    send('02:00:00:00:01:02')
    clock.advance(1000)
    const reason = 'more than 1 l2vpn/evpn routes; reset the peer to try again'
    expect(await listed()).toMatchObject({ state: 'Idle', routes: 0, reason })
    expect(await shown('/protocol')).toMatchObject({ down_reason: reason })
    them.withdraw(source, EVPN, macRoute(THEIRS, '02:00:00:00:01:02', null))
    await order('reset')
    clock.advance(30_000)
    expect(await listed()).toMatchObject({ state: 'Established', reason: null })
  })

  test('a reset takes no counter of messages back', async () => {
    start()
    const before = (await shown('/messages')) as Record<'received' | 'sent', Record<string, number>>
    await order('reset')
    clock.advance(10_000)
    const after = (await shown('/messages')) as typeof before
    for (const direction of ['received', 'sent'] as const) {
      expect(after[direction]).toMatchObject({ open: 2 })
      for (const [type, count] of Object.entries(before[direction]))
        expect(after[direction][type], `${direction} ${type}`).toBeGreaterThanOrEqual(count)
    }
  })

  test('refresh asks for every family', async () => {
    start()
    expect((await order('refresh')).statusCode).toBe(200)
    clock.advance(100)
    expect(await shown('/messages')).toMatchObject({ sent: { routerefresh: 2 } })
  })

  test('an address may be IPv6', async () => {
    start()
    const answer = await order('disable', undefined, '2001:DB8:0::1')
    expect(answer.json()).toMatchObject({ id: '2001:db8::1', reason: 'disabled' })
  })
})

describe('what is refused', () => {
  const LONG = '☎'.repeat(86)

  test.each([
    [
      'disable',
      { reason: LONG },
      'PARAMETER_INVALID',
      "'reason' has 258 octets in UTF-8: expected at most 255",
    ],
    ['disable', { reason: 7 }, 'PARAMETER_INVALID', "'reason' is 7: expected a string"],
    ['disable', { text: 'x' }, 'PARAMETER_UNKNOWN', "unknown parameter 'text': expected 'reason' alone"],
    ['disable', [], 'BODY_NOT_OBJECT', 'the body must be a JSON object'],
    ['disable', '{', 'BODY_NOT_JSON', expect.stringMatching(/^the body is not JSON/)],
    [
      'enable',
      { reason: 'x' },
      'PARAMETER_INVALID',
      "'reason' is for disable and reset: enable tells the peer nothing",
    ],
  ])('%s %j', async (action, body, code, description) => {
    start()
    const answer = await order(action, body)
    expect(answer.json()).toEqual({ code: 400, title: 'Bad Request', description, error_code: code })
    expect(answer.statusCode).toBe(400)
    expect(await listed()).toMatchObject({ state: 'Established' })
  })

  test('255 octets are not too many', async () => {
    start()
    expect((await order('disable', { reason: '☎'.repeat(85) })).statusCode).toBe(200)
    clock.advance(100)
    expect(far().lastError).toContain('☎'.repeat(85))
  })

  test.each([
    ['10.77.0.99', 404, '10.77.0.99 is no peer; the peers are 10.77.0.1, 2001:db8::1'],
    ['rr1', 400, "'rr1' is not an IP address"],
  ])('orders to %s', async (address, code, description) => {
    start()
    expect((await order('reset', undefined, address)).json()).toMatchObject({ code, description })
  })

  test('reset of a disabled peer: it stays down', async () => {
    start()
    await order('disable')
    const description = `${THEIRS} is disabled: enable it first`
    expect((await order('reset')).json()).toEqual({
      code: 409,
      title: 'Conflict',
      description,
      error_code: 'PEER_DISABLED',
    })
    clock.advance(60_000)
    expect(await listed()).toMatchObject({ state: 'Idle' })
  })

  test('refresh without a session', async () => {
    start()
    await order('disable', { reason: 'x' })
    const description = `no session with ${THEIRS}: disabled: x`
    expect((await order('refresh')).json()).toMatchObject({ code: 409, description })
  })

  test.each(['GET', 'PUT', 'DELETE'] as const)('%s of an order', async (method) => {
    start()
    expect((await app.inject({ method, url: `/bgp/peers/${THEIRS}/reset` })).json()).toMatchObject({
      code: 405,
    })
  })

  test('other orders', async () => {
    start()
    expect((await order('explode')).json()).toMatchObject({ code: 404 })
  })
})

describe('the looking glass shows', () => {
  test('negotiated and advertised capabilities, and the protection of the session', async () => {
    start({ md5Key: 's3cret', ttlSecurityHops: 1 })
    const peer = await shown()
    expect(peer).toMatchObject({
      configuration: { enabled: true, passive: false, md5: true, ttl_security_hops: 1, max_prefixes: null },
      timers: { hold_time_configured: 90, hold_time: 90, keepalive: 30, connect_retry: 5 },
      capabilities: {
        families: ['l2vpn/evpn', 'ipv4/rtc'],
        four_octet_as: true,
        route_refresh: true,
        enhanced_route_refresh: true,
        extended_messages: true,
        add_path_received: [],
        graceful_restart: true,
        graceful_notification: true,
        announced: {
          local: {
            graceful_restart: { restarting: false, notification: true, restart_time: 0, families: [] },
          },
          peer: { add_path: [{ family: 'l2vpn/evpn', send: false, receive: true }] },
        },
      },
    })
    expect(JSON.stringify(peer)).not.toContain('s3cret')
  })

  test('the last NOTIFICATION of the peer, and the outcome of the attempts since', async () => {
    start()
    them.peers.get(ip(OURS))!.disable('moving to another rack')
    clock.advance(60_000)
    const reason = expect.stringMatching(/^received Cease.*: "moving to another rack"; then ECONNREFUSED$/)
    expect(await listed()).toMatchObject({ reason })
    expect(await shown('/protocol')).toMatchObject({
      down_reason: reason,
      last_error: 'ECONNREFUSED',
      last_notification: { received: expect.stringContaining('"moving to another rack"') },
    })
    expect(await shown()).toMatchObject({ capabilities: null, timers: { hold_time: null } })
  })

  test('why we refuse the peer, and the outcome of the attempts since', async () => {
    start({ as: 64999 })
    expect(await listed()).toMatchObject({ reason: 'AS 64512, expected 64999' })
    them.peers.get(ip(OURS))!.disable('moved')
    clock.advance(60_000)
    expect(await listed()).toMatchObject({ reason: 'AS 64512, expected 64999; then ECONNREFUSED' })
  })

  test('that a passive peer has not called', async () => {
    start({ passive: true })
    expect(await listed()).toMatchObject({ state: 'Active', reason: 'waiting for the peer to connect' })
  })
})
