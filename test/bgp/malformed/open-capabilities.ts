import { expect } from 'vitest'
import { EVPN, IPV4_UNICAST, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import type { Negotiated } from '../../../src/bgp/session/negotiate.ts'
import { octet, u16 } from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, expectNotification, scene } from './cases.ts'
import type { Field } from './field.ts'
import {
  accept,
  as4,
  capabilitiesOf,
  capability,
  MP_EVPN,
  MP_TARGETS,
  NEEDED,
  no,
  open,
  PLAIN,
  parameter,
  yes,
} from './open-parts.ts'

const longParameter = (type: number, value: string): string => octet(type) + u16(value.length / 2) + value

/** Optional parameters with the long lengths of RFC 9072, `shortLength` where RFC 4271 has its own. */
const longTail = (parameters: string, shortLength = 255, length = parameters.length / 2): string =>
  `${octet(shortLength)}ff${u16(length)}${parameters}`

/** A capability whose value is malformed counts as not advertised, and costs nothing else. */
function missed(
  rfc: string,
  what: string,
  code: number,
  values: readonly string[],
  isAdvertised: (negotiated: Negotiated) => boolean,
): Case {
  return scene(`${rfc}: ${what} malformed → as if it were not there`, async (field) => {
    for (const value of values) {
      const negotiated = await accept(
        field,
        open({ capabilities: PLAIN + capability(code, value) }),
        HOST.internal,
      )
      expect(isAdvertised(negotiated), value).toBe(false)
      expect(
        capabilitiesOf(negotiated).unknown.map((one) => one.code),
        value,
      ).toContain(code)
      expect([...negotiated.families].sort(), value).toEqual([EVPN, ROUTE_TARGET].sort())
      await hangUp(field)
    }
  })
}

async function hangUp(field: Field): Promise<void> {
  field.bgpPeer().sessions.stop({ code: 6, subcode: 4, data: new Uint8Array(0) }, 'next', true)
  field.bgpPeer().sessions.start()
}

/** Each capability in each way it can be wrong, and lengths of two octets (RFC 9072). */
export const capabilities: readonly Case[] = [
  // Each capability in each way it can be wrong.
  missed('4760 §8', 'a family', 1, ['', '000100', '0001000100', '0001000100010001'], ({ peer }) =>
    peer.capabilities.families.includes(IPV4_UNICAST),
  ),
  missed(
    '2918 §2',
    'route refresh',
    2,
    ['00', '0001'],
    (negotiated) => capabilitiesOf(negotiated).routeRefresh,
  ),
  missed(
    '8950 §4',
    'extended next hop',
    5,
    ['0001', '00010080000200', '0001008000', '000101800002'],
    (negotiated) => capabilitiesOf(negotiated).extendedNextHop.length > 0,
  ),
  missed(
    '8654 §3',
    'long messages',
    6,
    ['00', 'ffff'],
    (negotiated) => capabilitiesOf(negotiated).extendedMessage,
  ),
  missed('9234 §4.1', 'a role', 9, ['', '0000'], (negotiated) => capabilitiesOf(negotiated).role !== null),
  missed(
    '4724 §3',
    'graceful restart',
    64,
    ['', '00', '007800', '0078001946', '007800194680001946'],
    ({ gracefulRestart }) => gracefulRestart,
  ),
  missed(
    '7911 §4',
    'add-path',
    69,
    ['00', '001946', '0019460300', '00194603001946'],
    (negotiated) => capabilitiesOf(negotiated).addPath.length > 0,
  ),
  missed(
    '7911 §4',
    'add-path of an unknown mode',
    69,
    ['00194600', '00194604', '001946ff', '0019460300018404'],
    (negotiated) => capabilitiesOf(negotiated).addPath.length > 0,
  ),
  missed(
    '7313 §3.1',
    'enhanced route refresh',
    70,
    ['00'],
    ({ enhancedRouteRefresh }) => enhancedRouteRefresh,
  ),
  missed(
    '9494 §3.1',
    'long-lived graceful restart',
    71,
    ['00', '001946000000', '00194600000e10001946'],
    (negotiated) => capabilitiesOf(negotiated).longLivedGracefulRestart.length > 0,
  ),
  missed(
    '5492 §4',
    'a host name',
    73,
    ['', '05', '056162', '0161', '016103'],
    (negotiated) => capabilitiesOf(negotiated).hostname !== null,
  ),
  missed(
    '5492 §4',
    'a software version',
    75,
    ['', '05', '056162', '016162'],
    (negotiated) => capabilitiesOf(negotiated).softwareVersion !== null,
  ),
  missed(
    '2918 §2',
    'the old route refresh',
    128,
    ['00'],
    (negotiated) => capabilitiesOf(negotiated).routeRefresh,
  ),
  yes(
    '6793 §4.1',
    'a 4-octet AS of two octets: AS numbers of two are spoken',
    { capabilities: MP_EVPN + capability(65, 'fc00') },
    ({ context }) => expect(context.fourOctetAs).toBe(false),
  ),
  no(
    '6793 §4.1',
    'a 4-octet AS of eight octets behind AS_TRANS',
    { as: 23456, capabilities: MP_EVPN + capability(65, '0000fc000000fc00') },
    '2/2',
  ),
  yes(
    '5492 §4',
    'a host name and a version that are not UTF-8',
    { capabilities: PLAIN + capability(73, '03ff00fe00') + capability(75, '02c080') },
    (negotiated) => expect(capabilitiesOf(negotiated).hostname).toHaveLength(3),
  ),

  // RFC 9072.
  yes('9072 §2', 'long lengths for a short list', { tail: longTail(longParameter(2, PLAIN)) }),
  ...[1, 22, 254].map((shortLength) =>
    yes('9072 §2', `long lengths behind a short length of ${shortLength}`, {
      tail: longTail(longParameter(2, PLAIN), shortLength),
    }),
  ),
  yes(
    '9072 §2',
    '1000 octets of capabilities',
    { tail: longTail(longParameter(2, PLAIN + capability(200, 'ab'.repeat(240)).repeat(4))) },
    (negotiated) => expect(capabilitiesOf(negotiated).unknown).toHaveLength(4),
  ),
  yes('9072 §2', 'several long parameters', {
    tail: longTail(longParameter(2, MP_EVPN) + longParameter(2, MP_TARGETS + as4(64512))),
  }),
  yes('9072 §2', 'an OPEN of exactly 4096 octets', {
    tail: longTail(
      longParameter(
        2,
        PLAIN + capability(200, '00'.repeat(250)).repeat(15) + capability(201, '00'.repeat(249)),
      ).padEnd(0),
    ),
  }),
  no(
    '9072 §2',
    'long parameters behind a short length of 0',
    { tail: longTail(longParameter(2, PLAIN), 0) },
    '2/0',
  ),
  no('9072 §2', 'half a long length', { tail: 'ffff00' }, '2/0'),
  no(
    '9072 §2',
    'a long length past the message',
    { tail: longTail(longParameter(2, PLAIN), 255, 4000) },
    '2/0',
  ),
  no(
    '9072 §2',
    'a long length short of the message',
    { tail: longTail(longParameter(2, PLAIN), 255, 4) },
    '2/0',
  ),
  no('9072 §2', 'a long parameter past the others', { tail: longTail('02ffff00') }, '2/0'),
  no('9072 §2', 'a long parameter with a short length', { tail: longTail(parameter(2, PLAIN)) }, '2/0'),
  no(
    '9072 §3',
    'parameter 255 among long ones',
    { tail: longTail(`${longParameter(2, PLAIN)}ff000100`) },
    '2/4',
  ),
  no(
    '9072 §3',
    'parameter 255 behind a short one',
    { tail: `${octet(PLAIN.length / 2 + 5)}${parameter(2, PLAIN)}ff0100` },
    '2/4',
  ),
  no('9072 §2', 'long lengths and no parameter', { tail: longTail('') }, `2/7 ${NEEDED}`),

  scene(
    '4271 §6.2: an OPEN that is refused, then a good one on the same connection → only the first counts',
    async (field) => {
      const peer = await field.at('OpenSent')
      peer.send(Buffer.concat([open({ version: 3 }), open(), KEEPALIVE]))
      await expectNotification(peer, '2/1 0004')
      expect(field.stateOf()).not.toBe('Established')
    },
  ),
]
