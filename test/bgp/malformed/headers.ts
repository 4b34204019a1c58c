import { expect } from 'vitest'
import { EVPN } from '../../../src/bgp/family.ts'
import { noCapabilities } from '../../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { encodeOpen } from '../../../src/bgp/message/open.ts'
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
import { type Case, expectSilentEnd, refused, refusedEach, scene, survived } from './cases.ts'
import { openFrom, STAGES, type Stage } from './field.ts'

const MARKER = 'ff'.repeat(16)
const OPEN = 1
const UPDATE = 2
const NOTIFICATION = 3
const ROUTE_REFRESH = 5

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** A header alone, with a length that may lie; enough octets follow for none to be missing. */
const header = (type: number, length: number, marker = MARKER): Buffer =>
  bytes(marker + u16(length) + octet(type) + '00'.repeat(Math.min(64, Math.max(0, length - 19))))

const badMarker = (at: number): string => `${'ff'.repeat(at)}00${'ff'.repeat(15 - at)}`

/** An UPDATE of exactly that length: an EVPN route and an unknown attribute. */
function longUpdate(length: number): Buffer {
  const plain = MP_REACH + WELL_KNOWN + TARGET
  const filler = length - 23 - plain.length / 2 - 4
  return update(plain + attribute(0xd0, 99, 'ab'.repeat(filler)))
}

const ENHANCED = { ...openFrom(HOST.internal).capabilities, enhancedRouteRefresh: true }
const EXTENDED = { ...openFrom(HOST.internal).capabilities, extendedMessage: true }

const atEach = (of: (at: Stage) => Case): Case[] => STAGES.map(of)

/** RFC 4271 §6.1, RFC 8654: what every message starts with. */
export const headers: readonly Case[] = [
  ...atEach((at) =>
    refusedEach(
      '4271 §6.1',
      'a marker with one octet of zero, at each place',
      at,
      range(0, 15).map((place) => [header(4, 19, badMarker(place)), '1/1']),
    ),
  ),
  ...atEach((at) => refused('4271 §6.1', 'a marker of zeros', at, header(4, 19, '00'.repeat(16)), '1/1')),
  refused('4271 §6.1', 'one octet that is not of a marker, and no more', 'OpenSent', bytes('00'), '1/1'),
  refused('4271 §6.1', 'a marker of 15 octets', 'Established', bytes(`${MARKER.slice(2)}001304`), '1/1'),
  refused('4271 §6.1', 'a marker of 17 octets', 'OpenSent', bytes(`ff${MARKER}001304`), '1/2 ff00'),
  refused(
    '4271 §6.1',
    'a KEEPALIVE, one stray octet, another KEEPALIVE',
    'Established',
    Buffer.concat([KEEPALIVE, bytes('00'), KEEPALIVE]),
    '1/1',
  ),
  ...(
    [
      ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: bgp\r\n\r\n')],
      ['a TLS ClientHello', bytes('16030100c8010000c40303')],
      ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.9\r\n')],
      ['64 KiB of zeros', Buffer.alloc(65536)],
    ] as const
  ).map(([what, sent]) => refused('4271 §6.1', what, 'OpenSent', sent, '1/1')),

  ...atEach((at) =>
    refusedEach(
      '4271 §6.1',
      'lengths 0 to 18',
      at,
      range(0, 18).map((length) => [header(4, length), `1/2 ${u16(length)}`]),
    ),
  ),
  ...atEach((at) =>
    refusedEach(
      '4271 §6.1',
      'types 0 and 6 to 255',
      at,
      [0, ...range(6, 255)].map((type) => [header(type, 19), `1/3 ${octet(type)}`]),
    ),
  ),
  refused('4271 §6.1', 'an unknown type with a length of 18', 'Established', header(77, 18), '1/2 0012'),
  refused(
    '4271 §6.1',
    'a wrong length under a wrong marker',
    'Established',
    header(4, 18, badMarker(7)),
    '1/1',
  ),
  refused('4271 §6.1', 'an unknown type of 4096 octets', 'Established', header(200, 4096), '1/3 c8'),

  ...atEach((at) =>
    refused('4271 §6.1', 'a KEEPALIVE with one octet of body', at, header(4, 20), '1/2 0014'),
  ),
  refused('4271 §6.1', 'a KEEPALIVE of 4096 octets', 'Established', header(4, 4096), '1/2 1000'),
  refused('4271 §6.1', 'a KEEPALIVE of 65535 octets', 'Established', header(4, 65535), '1/2 ffff'),
  refusedEach(
    '4271 §6.1',
    'an OPEN of 19 to 28 octets',
    'OpenSent',
    range(19, 28).map((length) => [header(OPEN, length), `1/2 ${u16(length)}`]),
  ),
  refusedEach(
    '4271 §6.1',
    'an UPDATE of 19 to 22 octets',
    'Established',
    range(19, 22).map((length) => [header(UPDATE, length), `1/2 ${u16(length)}`]),
  ),
  refusedEach(
    '4271 §6.1',
    'a NOTIFICATION of 19 and 20 octets',
    'Established',
    range(19, 20).map((length) => [header(NOTIFICATION, length), `1/2 ${u16(length)}`]),
  ),
  refused('4271 §6.1', 'an OPEN of 4097 octets', 'OpenSent', header(OPEN, 4097), '1/2 1001'),
  refused(
    '4271 §6.1',
    'an UPDATE of 4097 octets before any OPEN',
    'OpenSent',
    header(UPDATE, 4097),
    '1/2 1001',
  ),
  refused('4271 §6.1', 'a length of 65535 before any OPEN', 'OpenSent', header(UPDATE, 65535), '1/2 ffff'),
  refused(
    '8654 §4',
    'an OPEN of 4097 octets although both advertised long messages',
    'Established',
    header(OPEN, 4097),
    '1/2 1001',
    { open: { capabilities: EXTENDED } },
  ),
  refused(
    '8654 §4',
    'a KEEPALIVE of 4097 octets although both advertised long messages',
    'Established',
    header(4, 4097),
    '1/2 1001',
    { open: { capabilities: EXTENDED } },
  ),
  ...([23 + 200, 4096] as const).map((length) =>
    survived('4271 §4.1', `an UPDATE of ${length} octets`, 'taken', longUpdate(length), (field) =>
      expect(field.routesFrom()).toHaveLength(1),
    ),
  ),
  ...([4097, 65535] as const).flatMap((length) => [
    survived(
      '8654 §4',
      `an UPDATE of ${length} octets, long messages agreed`,
      'taken',
      longUpdate(length),
      (field) => expect(field.routesFrom()).toHaveLength(1),
      { open: { capabilities: EXTENDED } },
    ),
    survived(
      '8654 §4',
      `an UPDATE of ${length} octets from a peer that only we sent the capability of long messages`,
      'taken',
      longUpdate(length),
      (field) => expect(field.routesFrom()).toHaveLength(1),
    ),
  ]),
  refused(
    '7313 §5, 8654 §4',
    'a ROUTE-REFRESH of 65535 octets, whose answer fits no message',
    'Established',
    message(ROUTE_REFRESH, '00190146'.padEnd(2 * (65535 - 19), '0')),
    `7/1 ${message(ROUTE_REFRESH, '00190146'.padEnd(2 * (65535 - 19), '0'))
      .subarray(0, 65535 - 21)
      .toString('hex')}`,
    { open: { capabilities: { ...EXTENDED, enhancedRouteRefresh: true } } },
  ),
  refused(
    '7313 §5, 4271 §4.1',
    'a ROUTE-REFRESH of 4096 octets, whose answer fits no message',
    'Established',
    message(ROUTE_REFRESH, '00190146'.padEnd(2 * (4096 - 19), '0')),
    `7/1 ${message(ROUTE_REFRESH, '00190146'.padEnd(2 * (4096 - 19), '0'))
      .subarray(0, 4096 - 21)
      .toString('hex')}`,
    { open: { capabilities: ENHANCED } },
  ),

  scene('4271 §4.1: OPEN, KEEPALIVE and UPDATE in one segment → taken', async (field) => {
    const peer = field.connect()
    peer.send(
      Buffer.concat([encodeOpen(openFrom(HOST.internal)), KEEPALIVE, update(MP_REACH + WELL_KNOWN + TARGET)]),
    )
    await field.established()
    await field.taken(peer)
    expect(field.routesFrom()).toHaveLength(1)
  }),
  scene('4271 §4.1: a whole session one octet at a time → taken', async (field) => {
    const peer = field.connect()
    await peer.receives(OPEN)
    const all = Buffer.concat([
      encodeOpen(openFrom(HOST.internal)),
      KEEPALIVE,
      update(MP_REACH + WELL_KNOWN + TARGET),
    ])
    for (const octet of all) {
      const before = peer.socket.bytesWritten
      peer.send(Uint8Array.of(octet))
      await until(
        'the octet to leave',
        () => peer.socket.bytesWritten > before && peer.socket.writableLength === 0,
      )
    }
    await field.established()
    await field.taken(peer)
    expect(field.routesFrom()).toHaveLength(1)
  }),
  scene('4271 §6.1: what follows a wrong header is not looked at → 1/1', async (field) => {
    const peer = await field.at('Established')
    const { updates } = field.bgpPeer().routesIn.counters
    peer.send(Buffer.concat([header(4, 19, badMarker(0)), update(MP_REACH + WELL_KNOWN + TARGET), KEEPALIVE]))
    await peer.ends()
    expect(field.routesFrom()).toEqual([])
    expect(field.bgpPeer().routesIn.counters.updates).toBe(updates)
  }),
  ...atEach((at) =>
    scene(
      `4271 §6.1: 18 octets of a header and the end of the connection in ${at} → closed`,
      async (field) => {
        const peer = await field.at(at)
        peer.send(KEEPALIVE.subarray(0, 18))
        peer.halfClose()
        await expectSilentEnd(peer)
      },
    ),
  ),
  scene(
    '4271 §6.1: half an UPDATE and the end of the connection → closed, nothing of it taken',
    async (field) => {
      const peer = await field.at('Established')
      peer.send(update(MP_REACH + WELL_KNOWN + TARGET).subarray(0, 60))
      peer.halfClose()
      await expectSilentEnd(peer)
      expect(field.routesFrom()).toEqual([])
    },
  ),
  survived(
    '2918 §3',
    'a ROUTE-REFRESH between two UPDATEs of one segment',
    'answered',
    Buffer.concat([
      update(MP_REACH + WELL_KNOWN + TARGET),
      encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request }),
      update(MP_REACH + WELL_KNOWN + TARGET),
    ]),
    (field) => expect(field.routesFrom()).toHaveLength(1),
    { open: { capabilities: { ...noCapabilities(), families: [EVPN], fourOctetAs: 64512 } } },
  ),
]
