import { expect } from 'vitest'
import { MessageType } from '../../../src/bgp/constants.ts'
import { EVPN, IPV4_UNICAST, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import type { GracefulRestart } from '../../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { encodeRouteRefresh, RefreshKind } from '../../../src/bgp/message/route-refresh.ts'
import { until } from '../../support/until.ts'
import { attribute, message, octet, u16, update, WELL_KNOWN } from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, refused, type Setting, scene } from './cases.ts'
import { type Field, openFrom } from './field.ts'
import { GOOD } from './messages-parts.ts'

const ROUTE_REFRESH = 5

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

/** What is sent of EVPN, in words: routes, markers, End-of-RIB. */
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
    // What was to be sent would be sent ahead of the answer to this one.
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
  scene('7313 §4: a request before we have advertised everything → End-of-RIB first', async (field) => {
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
    await until('the route to go', () => field.bgpPeer().source.routeCount === 0)
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
