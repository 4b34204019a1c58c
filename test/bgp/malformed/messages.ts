import { expect } from 'vitest'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { until } from '../../support/until.ts'
import { octet } from '../../support/update-bytes.ts'
import { type Case, dropped, expectSilentEnd, scene } from './cases.ts'
import { STAGES } from './field.ts'
import { GOOD, NOTIFICATION, notification, received } from './messages-parts.ts'

/** A Cease with a text, its length perhaps a lie (RFC 9003 §2). */
const cease = (subcode: number, text: Uint8Array | string, length = Buffer.from(text).length): Buffer =>
  notification(6, subcode, octet(length) + Buffer.from(text).toString('hex'))

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
      `/looking-glass/bgp/peers/${field.bgpPeer().sessions.name}/protocol`,
    )
    expect(JSON.parse(body).last_error).toBe('received Cease/AdministrativeShutdown (6/2): "<b>night</b>"')
  }),

  scene('4271 §6.4: an UPDATE behind a NOTIFICATION → not looked at', async (field) => {
    const peer = await field.at('Established')
    const { updates } = field.bgpPeer().routesIn.counters
    peer.send(Buffer.concat([notification(6, 4), GOOD, KEEPALIVE]))
    await expectSilentEnd(peer)
    expect(field.bgpPeer().routesIn.counters.updates).toBe(updates)
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
    await peer.receives(NOTIFICATION)
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
