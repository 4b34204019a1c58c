import { expect } from 'vitest'
import { EVPN } from '../../../src/bgp/family.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { encodeOpen } from '../../../src/bgp/message/open.ts'
import { encodeRouteRefresh, RefreshKind } from '../../../src/bgp/message/route-refresh.ts'
import { RESTART } from '../../support/raw-peer.ts'
import { until } from '../../support/until.ts'
import { MP_REACH, TARGET, update, WELL_KNOWN } from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, expectNotification, expectSilentEnd, refused, scene } from './cases.ts'
import { openFrom, STAGES } from './field.ts'

const OPEN = encodeOpen(openFrom(HOST.internal))
const GOOD = update(MP_REACH + WELL_KNOWN + TARGET)
const BROKEN = update('400103')
const REFRESH = encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request })
const OPEN_WAIT_MS = 240_000
const HOLD_MS = 90_000

const GRACEFUL = { capabilities: { ...openFrom(HOST.internal).capabilities, gracefulRestart: RESTART } }

/** RFC 4271 §8.2.2, RFC 6608 §4: good messages at the wrong time. */
export const outOfOrder: readonly Case[] = [
  refused('6608 §4', 'a KEEPALIVE before any OPEN', 'OpenSent', KEEPALIVE, '5/1'),
  refused('6608 §4', 'an UPDATE before any OPEN', 'OpenSent', GOOD, '5/1'),
  refused('6608 §4', 'a broken UPDATE before any OPEN', 'OpenSent', BROKEN, '5/1'),
  refused('6608 §4', 'a ROUTE-REFRESH before any OPEN', 'OpenSent', REFRESH, '5/1'),
  refused('6608 §4', 'KEEPALIVE, then OPEN', 'OpenSent', Buffer.concat([KEEPALIVE, OPEN]), '5/1'),
  refused('6608 §4', 'OPEN, then UPDATE', 'OpenSent', Buffer.concat([OPEN, GOOD]), '5/2'),
  refused('6608 §4', 'OPEN, then ROUTE-REFRESH', 'OpenSent', Buffer.concat([OPEN, REFRESH]), '5/2'),
  refused('6608 §4', 'two OPENs', 'OpenSent', Buffer.concat([OPEN, OPEN]), '5/2'),
  refused('6608 §4', 'an UPDATE', 'OpenConfirm', GOOD, '5/2'),
  refused('6608 §4', 'a broken UPDATE', 'OpenConfirm', BROKEN, '5/2'),
  refused('6608 §4', 'a ROUTE-REFRESH', 'OpenConfirm', REFRESH, '5/2'),
  refused('6608 §4', 'another OPEN', 'OpenConfirm', OPEN, '5/2'),
  refused(
    '6608 §4',
    'another OPEN from another AS',
    'OpenConfirm',
    encodeOpen(openFrom(HOST.external)),
    '5/2',
  ),
  refused('6608 §4', 'another OPEN', 'Established', OPEN, '5/3'),
  refused(
    '6608 §4',
    'another OPEN with another hold time',
    'Established',
    encodeOpen(openFrom(HOST.internal, { holdTimeSeconds: 3 })),
    '5/3',
  ),
  refused('6608 §4', 'OPEN, KEEPALIVE, OPEN', 'OpenSent', Buffer.concat([OPEN, KEEPALIVE, OPEN]), '5/3'),
  scene('6608 §4: a route, another OPEN → 5/3, and the route goes', async (field) => {
    const peer = await field.at('Established')
    peer.send(GOOD)
    await field.taken(peer)
    peer.send(OPEN)
    await expectNotification(peer, '5/3')
    await until('the route to go', () => field.routesFrom().length === 0)
  }),
  scene('4271 §8.2.2: 100 KEEPALIVEs where one is awaited → Established', async (field) => {
    const peer = await field.at('OpenConfirm')
    peer.send(...Array.from({ length: 100 }, () => KEEPALIVE))
    await field.established()
    await field.taken(peer)
  }),
]

/** RFC 4271 §4.4, §6.5, §6.8, RFC 4724 §4.2: peers that send nothing, or are gone. */
export const silent: readonly Case[] = [
  scene('4271 §8.2.2: silence for four minutes in OpenSent → 4/0', async (field) => {
    const peer = await field.at('OpenSent')
    field.victim.clock.skip(OPEN_WAIT_MS - 1000)
    expect(field.stateOf()).toBe('OpenSent')
    field.victim.clock.skip(1000)
    await expectNotification(peer, '4/0')
  }),
  ...(['OpenConfirm', 'Established'] as const).map((at) =>
    scene(`4271 §6.5: silence for the hold time in ${at} → 4/0`, async (field) => {
      const peer = await field.at(at)
      field.victim.clock.skip(HOLD_MS - 1000)
      expect(field.stateOf()).toBe(at)
      field.victim.clock.skip(1000)
      await expectNotification(peer, '4/0')
    }),
  ),
  scene('4271 §4.2: silence for a hold time of three seconds → 4/0', async (field) => {
    const peer = await field.at('Established', HOST.internal, { holdTimeSeconds: 3 })
    field.victim.clock.skip(3000)
    await expectNotification(peer, '4/0')
  }),
  scene('4271 §4.4: silence for a day with a hold time of zero → Established', async (field) => {
    const peer = await field.at('Established', HOST.internal, { holdTimeSeconds: 0 })
    field.victim.clock.skip(86_400_000)
    await field.taken(peer)
  }),
  scene('4271 §6.5: an UPDATE each minute and no KEEPALIVE → Established', async (field) => {
    const peer = await field.at('Established')
    for (let minutes = 0; minutes < 5; minutes++) {
      field.victim.clock.skip(60_000)
      await field.taken(peer)
    }
  }),
  scene(
    '4724 §4.2: silence of a peer that may be restarting → its route stays for a while',
    async (field) => {
      const peer = await field.at('Established', HOST.internal, GRACEFUL)
      peer.send(GOOD)
      await field.taken(peer)
      peer.reset()
      await until('the end of the session', () => field.stateOf() !== 'Established')
      expect(field.routesFrom()).toHaveLength(1)
      field.victim.clock.skip(RESTART.restartTimeSeconds * 1000)
      await until('the route to go', () => field.routesFrom().length === 0)
    },
  ),
  scene('4271 §6.8: a second connection while the first lives → 6/7', async (field) => {
    const peer = await field.at('Established')
    const second = field.connect()
    await second.receives(1)
    second.send(OPEN)
    await expectNotification(second, '6/7')
    await field.taken(peer)
  }),
  scene('4724 §4.2: a second connection of a peer that may have restarted → it is the one', async (field) => {
    const peer = await field.at('Established', HOST.internal, GRACEFUL)
    field.victim.clock.skip(10_000)
    const second = field.connect()
    await second.receives(1)
    second.send(encodeOpen(openFrom(HOST.internal, GRACEFUL)), KEEPALIVE)
    await peer.ends()
    await field.taken(second)
  }),
  scene(
    '4271 §6.8: a first connection that is half open in OpenSent → the second is served',
    async (field) => {
      await field.at('OpenSent')
      const second = await field.at('Established')
      await field.taken(second)
    },
  ),
  scene(
    '4271 §6.8: a first connection that is half open in OpenConfirm → 6/7, and the second is served',
    async (field) => {
      const first = await field.at('OpenConfirm')
      const second = await field.at('Established')
      await expectNotification(first, '6/7')
      await field.taken(second)
    },
  ),
  ...STAGES.map((at) =>
    scene(`4271 §8.2.2: the peer says no more in ${at}, and goes on reading → closed`, async (field) => {
      const peer = await field.at(at)
      peer.halfClose()
      await expectSilentEnd(peer)
    }),
  ),
  ...STAGES.map((at) =>
    scene(`4271 §8.2.2: a reset in ${at} → a new session at once`, async (field) => {
      const peer = await field.at(at)
      peer.reset()
      await until('the end of the session', () => field.bgpPeer().sessions.session === null)
      await field.taken(await field.at('Established'))
    }),
  ),
]
