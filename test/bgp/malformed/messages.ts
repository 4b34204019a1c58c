import { expect } from 'vitest'
import { MessageType } from '../../../src/bgp/constants.ts'
import { EVPN, IPV4_UNICAST, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import type { GracefulRestart } from '../../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { encodeRouteRefresh, RefreshKind } from '../../../src/bgp/message/route-refresh.ts'
import { until } from '../../support/until.ts'
import {
  attribute,
  MP_REACH,
  message,
  octet,
  TARGET,
  u16,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, dropped, expectSilentEnd, refused, type Setting, scene } from './cases.ts'
import { type Field, openFrom, STAGES } from './field.ts'

const NOTIFICATION = 3
const ROUTE_REFRESH = 5
const GOOD = update(MP_REACH + WELL_KNOWN + TARGET)

const notification = (code: number, subcode: number, data = ''): Buffer =>
  message(NOTIFICATION, octet(code) + octet(subcode) + data)

const lastError = (field: Field): string | null => field.neighbour().sessions.lastError

/** A Cease with a text, its length perhaps a lie (RFC 9003 §2). */
const cease = (subcode: number, text: Uint8Array | string, length = Buffer.from(text).length): Buffer =>
  notification(6, subcode, octet(length) + Buffer.from(text).toString('hex'))

function received(rfc: string, sent: string, bytes: Buffer, error: string): Case {
  return dropped(rfc, sent, 'Established', bytes, (field) =>
    expect(lastError(field)).toBe(`received ${error}`),
  )
}

/** RFC 4271 §4.5 and §6.4, 4486, 7313, 8538, 9003, 9384, 9687: what a peer says at its end. */
export const notifications: readonly Case[] = [
  received(
    '4271 §4.5',
    'NOTIFICATION 1/1',
    notification(1, 1),
    'Message Header Error/ConnectionNotSynchronized (1/1)',
  ),
  received('4271 §4.5', 'NOTIFICATION 2/2', notification(2, 2), 'OPEN Message Error/BadPeerAs (2/2)'),
  received(
    '5492 §5',
    'NOTIFICATION 2/7 with half a capability',
    notification(2, 7, '0104'),
    'OPEN Message Error/UnsupportedCapability (2/7)',
  ),
  received(
    '4271 §4.5',
    'NOTIFICATION 3/5 with an attribute',
    notification(3, 5, '400101'),
    'UPDATE Message Error/AttributeLength (3/5)',
  ),
  received('4271 §4.5', 'NOTIFICATION 4/0', notification(4, 0), 'Hold Timer Expired (4/0)'),
  received('6608 §3', 'NOTIFICATION 5/3', notification(5, 3), 'Finite State Machine Error/Established (5/3)'),
  received(
    '4486 §3',
    'NOTIFICATION 6/1 with a broken limit',
    notification(6, 1, '0019'),
    'Cease/MaximumPrefixes (6/1)',
  ),
  received('4486 §3', 'NOTIFICATION 6/5', notification(6, 5), 'Cease/ConnectionRejected (6/5)'),
  received(
    '8538 §3',
    'NOTIFICATION 6/9 with another inside',
    notification(6, 9, '0602'),
    'Cease/HardReset (6/9) for Cease/AdministrativeShutdown (6/2)',
  ),
  received('9384 §3', 'NOTIFICATION 6/10', notification(6, 10), 'Cease/BfdDown (6/10)'),
  received(
    '7313 §5',
    'NOTIFICATION 7/1 with the message',
    notification(7, 1, '00190146'),
    'ROUTE-REFRESH Message Error/InvalidMessageLength (7/1)',
  ),
  received('9687 §5', 'NOTIFICATION 8/0', notification(8, 0), 'Send Hold Timer Expired (8/0)'),
  received('4271 §4.5', 'a NOTIFICATION of code 0', notification(0, 0), 'unknown error (0/0)'),
  received('4271 §4.5', 'a NOTIFICATION of code 255', notification(255, 255), 'unknown error (255/255)'),
  received('4271 §4.5', 'a NOTIFICATION of an unknown subcode', notification(6, 200), 'Cease (6/200)'),
  received(
    '4271 §4.5',
    'a NOTIFICATION of 4096 octets',
    notification(6, 8, 'ab'.repeat(4096 - 21)),
    'Cease/OutOfResources (6/8)',
  ),
  received(
    '8654 §4',
    'a NOTIFICATION of 65535 octets',
    notification(6, 8, 'ab'.repeat(65535 - 21)),
    'Cease/OutOfResources (6/8)',
  ),
  ...STAGES.map((at) => dropped('4271 §6.4', 'a Cease', at, notification(6, 2))),
  ...STAGES.map((at) =>
    dropped('4271 §6.4', 'a NOTIFICATION of an unknown code', at, notification(99, 99, 'ff')),
  ),

  // RFC 9003: a text for people.
  received(
    '9003 §2',
    'a text',
    cease(2, 'maintenance at night'),
    'Cease/AdministrativeShutdown (6/2): "maintenance at night"',
  ),
  received(
    '9003 §2',
    'a text with a reset',
    cease(4, 'déjà vu ☕'),
    'Cease/AdministrativeReset (6/4): "déjà vu ☕"',
  ),
  received(
    '9003 §2',
    'a text of 255 octets',
    cease(2, 'x'.repeat(255)),
    `Cease/AdministrativeShutdown (6/2): "${'x'.repeat(255)}"`,
  ),
  received(
    '9003 §2',
    'a text with line ends and escapes',
    cease(2, 'a\n{"b":1}\u001b[31m\u0000"'),
    'Cease/AdministrativeShutdown (6/2): "a\\n{\\"b\\":1}\\u001b[31m\\u0000\\""',
  ),
  received(
    '9003 §2',
    'a text shorter than advertised',
    cease(2, 'short', 200),
    'Cease/AdministrativeShutdown (6/2)',
  ),
  received(
    '9003 §2',
    'a text longer than advertised',
    cease(2, 'abcdef', 3),
    'Cease/AdministrativeShutdown (6/2): "abc"',
  ),
  received('9003 §2', 'a text of no length', cease(2, '', 0), 'Cease/AdministrativeShutdown (6/2)'),
  received(
    '9003 §2',
    'a length of zero and octets behind it',
    cease(2, 'abc', 0),
    'Cease/AdministrativeShutdown (6/2)',
  ),
  received(
    '9003 §4',
    'a text that is not UTF-8',
    cease(2, Uint8Array.of(0xff, 0xfe, 0x41)),
    'Cease/AdministrativeShutdown (6/2)',
  ),
  received(
    '9003 §6',
    'a text in overlong UTF-8',
    cease(2, Uint8Array.of(0xc0, 0x80)),
    'Cease/AdministrativeShutdown (6/2)',
  ),
  received(
    '9003 §2',
    'a text cut within a character',
    cease(2, Buffer.from('☕').subarray(0, 2)),
    'Cease/AdministrativeShutdown (6/2)',
  ),
  received('9003 §2', 'a text with another subcode', cease(3, 'bye'), 'Cease/PeerDeconfigured (6/3)'),
  scene('9003 §2: the text is there to see → in the looking glass', async (field) => {
    const peer = await field.at('Established')
    peer.send(cease(2, '<b>night</b>'))
    await expectSilentEnd(peer)
    const { body } = await field.victim.get(
      `/looking-glass/bgp/peers/${field.neighbour().sessions.name}/protocol`,
    )
    expect(JSON.parse(body).last_error).toBe('received Cease/AdministrativeShutdown (6/2): "<b>night</b>"')
  }),

  scene('4271 §6.4: an UPDATE behind a NOTIFICATION → not looked at', async (field) => {
    const peer = await field.at('Established')
    const { updates } = field.neighbour().routesIn.counters
    peer.send(Buffer.concat([notification(6, 4), GOOD, KEEPALIVE]))
    await expectSilentEnd(peer)
    expect(field.neighbour().routesIn.counters.updates).toBe(updates)
  }),
  scene('4271 §6.4: an UPDATE, then a NOTIFICATION → its route goes with the session', async (field) => {
    const peer = await field.at('Established')
    peer.send(Buffer.concat([GOOD, notification(6, 4)]))
    await expectSilentEnd(peer)
    await until('the route to go', () => field.routesFrom().length === 0)
  }),
  scene('4271 §6.4: a NOTIFICATION for an answer to ours → nothing more', async (field) => {
    const peer = await field.at('Established')
    peer.send(Buffer.alloc(19))
    await peer.hears(NOTIFICATION)
    peer.send(notification(1, 1))
    expect(await peer.ends()).toBe('closed')
    expect(peer.count(NOTIFICATION)).toBe(1)
  }),
  scene('4271 §6.4: a NOTIFICATION and at once a new connection → Established', async (field) => {
    const peer = await field.at('Established')
    peer.send(notification(6, 4))
    const again = await field.at('Established')
    await field.taken(again)
    expect(peer.ended).toBe('closed')
  }),
]

const ENHANCED: Setting = {
  open: { capabilities: { ...openFrom(HOST.internal).capabilities, enhancedRouteRefresh: true } },
}

const restarting: GracefulRestart = {
  restarting: false,
  notification: false,
  restartTimeSeconds: 120,
  families: [],
}

const refresh = (family: number, kind: number): Buffer => encodeRouteRefresh({ family, kind })
/** A ROUTE-REFRESH of EVPN with this many octets in all. */
const ofLength = (length: number, kind: number): Buffer =>
  message(ROUTE_REFRESH, `0019${octet(kind)}46`.padEnd(2 * (length - 19), '0').slice(0, 2 * (length - 19)))

const markers = (of: {
  of(type: 'route-refresh'): { refresh: { family: number; kind: number } }[]
}): string =>
  of
    .of('route-refresh')
    .map(
      ({ refresh: { family, kind } }) =>
        `${family === EVPN ? 'evpn' : family} ${['?', 'begin', 'end'][kind]}`,
    )
    .join(', ')

/** What is said of EVPN, in words: routes, markers, End-of-RIB. */
function facts(peer: { received: readonly { type: number }[]; of(type: 'update'): unknown[] }): number {
  return peer.received.filter(({ type }) => type === MessageType.Update).length
}

/** Nothing is re-advertised. */
function ignored(rfc: string, sent: string, bytes: Buffer, setting: Setting = ENHANCED): Case {
  return scene(`${rfc}: ${sent} → ignored`, async (field) => {
    const peer = await field.at('Established', setting.host, setting.open)
    await field.received(peer)
    const before = facts(peer)
    peer.send(bytes)
    await field.taken(peer)
    // What was to be said would be said ahead of the answer to this one.
    peer.send(refresh(ROUTE_TARGET, RefreshKind.Request))
    await until(
      'the refresh that was asked for',
      () => markers(peer) === `${ROUTE_TARGET} begin, ${ROUTE_TARGET} end`,
      {
        seen: () => markers(peer),
      },
    )
    expect(facts(peer), 'our one membership, and nothing else').toBe(before + 1)
  })
}

/** RFC 2918, 7313: asking for routes again. */
export const refreshes: readonly Case[] = [
  ignored(
    '2918 §3',
    'a request for a family that was not agreed',
    refresh(IPV4_UNICAST, RefreshKind.Request),
  ),
  ignored('2918 §3', 'a request for an unknown family', message(ROUTE_REFRESH, '400d00f1')),
  ignored('2918 §3', 'a request for family 0', message(ROUTE_REFRESH, '00000000')),
  ...[3, 128, 254, 255].map((kind) => ignored('7313 §5', `subtype ${kind}`, refresh(EVPN, kind))),
  ...[22, 24, 100, 4096].map((length) =>
    ignored('7313 §5', `subtype 7 in ${length} octets`, ofLength(length, 7)),
  ),
  ...[22, 24, 27, 100].flatMap((length) =>
    [RefreshKind.Begin, RefreshKind.End].map((kind) =>
      refused(
        '7313 §5',
        `a ROUTE-REFRESH of ${length} octets and subtype ${kind}`,
        'Established',
        ofLength(length, kind),
        `7/1 ${ofLength(length, kind).toString('hex')}`,
        ENHANCED,
      ),
    ),
  ),
  ...[24, 28, 100, 4096].map((length) =>
    scene(`5291 §4: a request with filters, of ${length} octets → the family again`, async (field) => {
      const peer = await field.at('Established', HOST.internal, ENHANCED.open)
      await field.received(peer)
      peer.send(ofLength(length, RefreshKind.Request))
      await until('the end of the refresh', () => markers(peer) === 'evpn begin, evpn end', {
        seen: () => markers(peer),
      })
    }),
  ),
  ...[19, 20, 21, 22].map((length) =>
    refused(
      '4271 §6.1',
      `a ROUTE-REFRESH of ${length} octets`,
      'Established',
      ofLength(length, RefreshKind.Request),
      `1/2 00${length.toString(16)}`,
    ),
  ),
  ignored('7313 §4', 'an end without a beginning', refresh(EVPN, RefreshKind.End)),
  ignored('7313 §4', 'a beginning and no end', refresh(EVPN, RefreshKind.Begin)),
  scene('7313 §4: a request → the family again, between markers', async (field) => {
    const peer = await field.at('Established', HOST.internal, ENHANCED.open)
    await wantEverything(field, peer)
    const before = facts(peer)
    peer.send(refresh(EVPN, RefreshKind.Request))
    await until('the end of the refresh', () => markers(peer) === 'evpn begin, evpn end', {
      seen: () => markers(peer),
    })
    expect(facts(peer)).toBeGreaterThan(before)
  }),
  scene('7313 §4: a request before we have said everything → End-of-RIB first', async (field) => {
    const peer = await field.at('OpenConfirm', HOST.internal, ENHANCED.open)
    peer.send(Buffer.concat([KEEPALIVE, refresh(EVPN, RefreshKind.Request)]))
    await until('the end of the refresh', () => markers(peer) === 'evpn begin, evpn end', {
      seen: () => markers(peer),
    })
    const begin = peer.received.findIndex(({ type }) => type === MessageType.RouteRefresh)
    const end = peer.received.findIndex(
      ({ type, bytes }) => type === MessageType.Update && bytes.toString('hex').endsWith('800f03001946'),
    )
    expect(end, peer.summary()).toBeGreaterThan(0)
    expect(end).toBeLessThan(begin)
  }),
  scene('2918 §4: 1000 requests at once → one refresh, and one more', async (field) => {
    const peer = await field.at('Established', HOST.internal, ENHANCED.open)
    await wantEverything(field, peer)
    peer.send(Buffer.concat(Array.from({ length: 1000 }, () => refresh(EVPN, RefreshKind.Request))))
    const twice = 'evpn begin, evpn end, evpn begin, evpn end'
    await until('both', () => markers(peer) === twice, { seen: () => markers(peer) })
    peer.send(refresh(ROUTE_TARGET, RefreshKind.Request))
    await until('the last marker', () => markers(peer).endsWith(`${ROUTE_TARGET} end`))
    expect(markers(peer)).toBe(`${twice}, ${ROUTE_TARGET} begin, ${ROUTE_TARGET} end`)
  }),
  scene('2918 §3: any subtype from a peer without enhanced refresh → a request', async (field) => {
    const peer = await field.at('Established')
    await wantEverything(field, peer)
    const before = facts(peer)
    peer.send(refresh(EVPN, 77))
    await until('the routes again', () => facts(peer) > before)
    expect(markers(peer)).toBe('')
  }),
  scene(
    '2918 §3: a beginning and an end from a peer without enhanced refresh → nothing withdrawn',
    async (field) => {
      const peer = await field.at('Established')
      peer.send(Buffer.concat([GOOD, refresh(EVPN, RefreshKind.Begin), refresh(EVPN, RefreshKind.End)]))
      await field.taken(peer)
      expect(field.routesFrom()).toHaveLength(1)
    },
  ),
  scene('7313 §4: a beginning, nothing, an end → everything withdrawn', async (field) => {
    const peer = await field.at('Established', HOST.internal, ENHANCED.open)
    peer.send(Buffer.concat([GOOD, refresh(EVPN, RefreshKind.Begin), refresh(EVPN, RefreshKind.End)]))
    await until('the route to go', () => field.neighbour().source.routeCount === 0)
    await until('the route to go everywhere', () => field.routesFrom().length === 0)
    await field.taken(peer)
  }),
  scene('7313 §4: two beginnings, a route, an end → the route stays', async (field) => {
    const peer = await field.at('Established', HOST.internal, ENHANCED.open)
    peer.send(
      Buffer.concat([
        GOOD,
        refresh(EVPN, RefreshKind.Begin),
        GOOD,
        refresh(EVPN, RefreshKind.Begin),
        GOOD,
        refresh(EVPN, RefreshKind.End),
      ]),
    )
    await field.taken(peer)
    expect(field.routesFrom()).toHaveLength(1)
  }),
  scene('7313 §4: a beginning ahead of the End-of-RIB of a peer that restarts → ignored', async (field) => {
    const capabilities = {
      ...openFrom(HOST.internal).capabilities,
      enhancedRouteRefresh: true,
      gracefulRestart: restarting,
    }
    const peer = await field.at('Established', HOST.internal, { capabilities })
    peer.send(Buffer.concat([GOOD, refresh(EVPN, RefreshKind.Begin), refresh(EVPN, RefreshKind.End)]))
    await field.taken(peer)
    expect(field.routesFrom()).toHaveLength(1)
    peer.send(
      Buffer.concat([
        update(attribute(0x80, 15, `${u16(25)}46`)),
        refresh(EVPN, RefreshKind.Begin),
        refresh(EVPN, RefreshKind.End),
      ]),
    )
    await until('the route to go', () => field.routesFrom().length === 0)
  }),
  refused(
    '4271 §6.1',
    "Cisco's old ROUTE-REFRESH, type 128",
    'Established',
    message(128, '00190046'),
    '1/3 80',
  ),
]

/** The peer asks for every route target, and gets all routes. */
async function wantEverything(field: Field, peer: Parameters<Field['received']>[0]): Promise<void> {
  await field.received(peer)
  const before = facts(peer)
  peer.send(update(attribute(0x80, 14, `000184040a0000010000`) + WELL_KNOWN))
  await until('the routes', () => facts(peer) > before)
}
