import { expect } from 'vitest'
import { EVPN, IPV4_UNICAST, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import { octet } from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import type { Case } from './cases.ts'
import { capabilities } from './open-capabilities.ts'
import {
  as4,
  capabilitiesOf,
  capability,
  family,
  MP_EVPN,
  MP_TARGETS,
  NEEDED,
  no,
  PLAIN,
  parameter,
  yes,
} from './open-parts.ts'

/** RFC 4271 §6.2, 5492, 6286, 6793, 7607, 9072: how a peer introduces itself. */
export const opens: readonly Case[] = [
  ...[0, 1, 2, 3, 5, 255].map((version) => no('4271 §6.2', `version ${version}`, { version }, '2/1 0004')),

  // Whose AS it is.
  no('4271 §6.2', 'another AS of two octets', { as: 64513, capabilities: MP_EVPN }, '2/2'),
  no(
    '6793 §4.1',
    'the right AS, another one in the capability',
    { capabilities: MP_EVPN + as4(64513) },
    '2/2',
  ),
  no('7607 §2', 'AS 0', { as: 0, capabilities: MP_EVPN }, '2/2'),
  no('7607 §2', 'AS 0, the right one in the capability', { as: 0 }, '2/2'),
  no('7607 §2', 'AS 0 in the capability', { capabilities: MP_EVPN + as4(0) }, '2/2'),
  no('6793 §4.2.1', 'AS_TRANS without the capability', { as: 23456, capabilities: MP_EVPN }, '2/2'),
  no(
    '6793 §4.1',
    'AS_TRANS, and in the capability too',
    { as: 23456, capabilities: MP_EVPN + as4(23456) },
    '2/2',
  ),
  no(
    '6793 §4.2.1',
    'AS_TRANS without the capability for an AS of four octets',
    { as: 23456, capabilities: MP_EVPN },
    '2/2',
    HOST.external4,
  ),
  no(
    '6793 §4.1',
    'the low half of an AS of four octets without the capability',
    { as: 4200000001 & 0xffff, capabilities: MP_EVPN },
    '2/2',
    HOST.external4,
  ),
  yes('6793 §4.1', 'AS_TRANS although the AS has two octets', { as: 23456 }),
  yes('6793 §4.1', 'another AS, the right one in the capability', { as: 65001 }, ({ internal }) =>
    expect(internal).toBe(true),
  ),
  yes('6793 §4.2', 'an AS of two octets without the capability', { capabilities: MP_EVPN }, ({ context }) =>
    expect(context.fourOctetAs).toBe(false),
  ),
  yes(
    '6793 §4.1',
    'AS_TRANS for an AS of four octets',
    { as: 23456, capabilities: MP_EVPN + as4(4200000001) },
    ({ internal, context }) => expect([internal, context.fourOctetAs]).toEqual([false, true]),
    HOST.external4,
  ),
  yes(
    '6793 §4.2',
    'an external AS without the capability',
    { as: 65001, capabilities: MP_EVPN },
    ({ internal, context }) => expect([internal, context.fourOctetAs]).toEqual([false, false]),
    HOST.external,
  ),

  // Hold times.
  ...[1, 2].map((hold) => no('4271 §6.2', `hold time ${hold}`, { hold }, '2/6')),
  ...(
    [
      [0, 0],
      [3, 3],
      [90, 90],
      [65535, 90],
    ] as const
  ).map(([hold, negotiated]) =>
    yes('4271 §4.2', `hold time ${hold}`, { hold }, ({ holdTimeSeconds }) =>
      expect(holdTimeSeconds).toBe(negotiated),
    ),
  ),

  // Identifiers.
  no('6286 §2.2', 'identifier 0', { identifier: 0 }, '2/3'),
  no('6286 §2.2', 'our identifier from our AS', { identifier: 0x0a000064 }, '2/3'),
  no(
    '6286 §2.2',
    'identifier 0 from another AS',
    { identifier: 0, as: 65001, capabilities: MP_EVPN },
    '2/3',
    HOST.external,
  ),
  yes(
    '6286 §2.2',
    'our identifier from another AS',
    { identifier: 0x0a000064, as: 65001, capabilities: MP_EVPN + as4(65001) },
    () => {},
    HOST.external,
  ),
  ...(
    [
      ['255.255.255.255', 0xffffffff],
      ['224.0.0.1', 0xe0000001],
      ['127.0.0.1', 0x7f000001],
      ['0.0.0.1', 1],
      ["the bystander's", 0x0a000002],
    ] as const
  ).map(([text, identifier]) => yes('6286 §2.1', `identifier ${text}`, { identifier })),

  // Optional parameters.
  no(
    '4271 §6.2',
    'optional parameters that run past the message',
    { tail: `20${parameter(2, PLAIN)}` },
    '2/0',
  ),
  no(
    '4271 §6.2',
    'octets behind the optional parameters',
    { tail: `${octet(PLAIN.length / 2 + 2)}${parameter(2, PLAIN)}00` },
    '2/0',
  ),
  no('4271 §6.2', 'octets behind no optional parameters', { tail: `00${parameter(2, PLAIN)}` }, '2/0'),
  no('4271 §6.2', 'a parameter of one octet', { tail: '0102' }, '2/0'),
  no('4271 §6.2', 'a parameter that runs past the others', { tail: '0402ff0000' }, '2/0'),
  no(
    '4271 §6.2',
    'half a parameter behind a whole one',
    { tail: `${octet(PLAIN.length / 2 + 3)}${parameter(2, PLAIN)}02` },
    '2/0',
  ),
  ...[0, 1, 3, 254].map((type) =>
    no('4271 §6.2', `optional parameter ${type}`, { tail: `03${octet(type)}0100` }, '2/4'),
  ),
  no(
    '4271 §6.2',
    'optional parameter 1 behind good capabilities',
    { tail: `${octet(PLAIN.length / 2 + 4)}${parameter(2, PLAIN)}0100` },
    '2/4',
  ),
  no('5492 §4', 'a capability of one octet', { capabilities: `${PLAIN}02` }, '2/0'),
  no('5492 §4', 'a capability that runs past its parameter', { capabilities: `${PLAIN}4104fc00` }, '2/0'),
  no('5492 §3', 'no optional parameters at all', { capabilities: '' }, `2/7 ${NEEDED}`),
  no('5492 §3', 'an empty list of capabilities', { tail: '020200' }, `2/7 ${NEEDED}`),
  no('5492 §3', 'no family', { capabilities: as4(64512) }, `2/7 ${NEEDED}`),
  no('5492 §3', 'IPv4 unicast only', { capabilities: family(1, 1) + as4(64512) }, `2/7 ${NEEDED}`),
  no('5492 §3', 'unknown families', { capabilities: family(16397, 241) + as4(64512) }, `2/7 ${NEEDED}`),
  yes('4760 §8', 'EVPN only', { capabilities: MP_EVPN + as4(64512) }, ({ families }) =>
    expect([...families]).toEqual([EVPN]),
  ),
  yes('4760 §8', 'route targets only', { capabilities: MP_TARGETS + as4(64512) }, ({ families }) =>
    expect([...families]).toEqual([ROUTE_TARGET]),
  ),
  yes(
    '4760 §8',
    'EVPN among families that we do not want',
    { capabilities: family(1, 1) + MP_EVPN },
    (negotiated) => {
      expect([...negotiated.families]).toEqual([EVPN])
      expect(capabilitiesOf(negotiated).families).toEqual([IPV4_UNICAST, EVPN])
    },
  ),
  yes('5492 §4', 'each capability in a parameter of its own', {
    tail: octet(8 + 8 + 8) + [MP_EVPN, MP_TARGETS, as4(64512)].map((one) => parameter(2, one)).join(''),
  }),
  yes('5492 §4', 'an empty list of capabilities before a full one', {
    tail: `${octet(PLAIN.length / 2 + 4)}0200${parameter(2, PLAIN)}`,
  }),
  yes('5492 §4', 'every capability twice', { capabilities: PLAIN + PLAIN }, ({ families }) =>
    expect(families.size).toBe(2),
  ),
  no(
    '6793 §4.1',
    'two different AS numbers, the last one wrong',
    { capabilities: PLAIN + as4(64513) },
    '2/2',
  ),
  yes(
    '4724 §3',
    'graceful restart twice',
    { capabilities: PLAIN + capability(64, '0078') + capability(64, '0005') },
    (negotiated) => expect(capabilitiesOf(negotiated).gracefulRestart?.restartTimeSeconds).toBe(5),
  ),
  yes(
    '5492 §3',
    'unknown capabilities, 240 octets of them',
    {
      capabilities:
        PLAIN +
        capability(0) +
        capability(67, '00') +
        capability(131, '00') +
        capability(255, 'ab'.repeat(200)),
    },
    (negotiated) =>
      expect(capabilitiesOf(negotiated).unknown.map(({ code }) => code)).toEqual([0, 67, 131, 255]),
  ),
  yes('9234 §4.1', 'a role, and another', {
    capabilities: PLAIN + capability(9, '00') + capability(9, '04'),
  }),

  ...capabilities,
]
