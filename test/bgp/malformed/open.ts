import { expect } from 'vitest'
import { EVPN, IPV4_UNICAST, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import type { Negotiated } from '../../../src/bgp/session/negotiate.ts'
import { message, octet, u16 } from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, expectNotification, refused, scene } from './cases.ts'
import type { Field } from './field.ts'

const OPEN = 1
const u32 = (value: number): string => value.toString(16).padStart(8, '0')

const capability = (code: number, value = ''): string => octet(code) + octet(value.length / 2) + value
const parameter = (type: number, value: string): string => octet(type) + octet(value.length / 2) + value
const longParameter = (type: number, value: string): string => octet(type) + u16(value.length / 2) + value
const family = (afi: number, safi: number): string => capability(1, `${u16(afi)}00${octet(safi)}`)
const as4 = (as: number): string => capability(65, u32(as))

const MP_EVPN = family(25, 70)
const MP_TARGETS = family(1, 132)
const PLAIN = MP_EVPN + MP_TARGETS + as4(64512)

interface Fields {
  readonly version?: number
  readonly as?: number
  readonly hold?: number
  readonly identifier?: number
  /** Capabilities, in one parameter. */
  readonly capabilities?: string
  /** Everything from the length of the optional parameters on. */
  readonly tail?: string
}

function open({
  version = 4,
  as = 64512,
  hold = 90,
  identifier = 0x0a000003,
  capabilities = PLAIN,
  tail,
}: Fields = {}): Buffer {
  const parameters = capabilities === '' ? '' : parameter(2, capabilities)
  const end = tail ?? octet(parameters.length / 2) + parameters
  return message(OPEN, octet(version) + u16(as) + u16(hold) + u32(identifier) + end)
}

/** Optional parameters with the long lengths of RFC 9072, `shortLength` where RFC 4271 has its own. */
const longTail = (parameters: string, shortLength = 255, length = parameters.length / 2): string =>
  `${octet(shortLength)}ff${u16(length)}${parameters}`

function no(rfc: string, sent: string, fields: Fields, expected: string, host: number = HOST.internal): Case {
  return refused(rfc, sent, 'OpenSent', open(fields), expected, { host })
}

function yes(
  rfc: string,
  sent: string,
  fields: Fields,
  check: (negotiated: Negotiated) => void = () => {},
  host: number = HOST.internal,
): Case {
  return scene(`${rfc}: ${sent} → accepted`, async (field) => check(await accept(field, open(fields), host)))
}

async function accept(field: Field, bytes: Buffer, host: number): Promise<Negotiated> {
  const peer = await field.at('OpenSent', host)
  peer.send(bytes)
  await peer.hears(4)
  peer.send(KEEPALIVE)
  await field.established(host)
  const negotiated = field.neighbour(host).negotiated!
  if (negotiated.families.has(EVPN)) await field.taken(peer, host)
  return negotiated
}

const capabilitiesOf = ({ peer }: Negotiated) => peer.capabilities

/** The families that the victim needs, as RFC 5492 §5 wants them in the NOTIFICATION. */
const NEEDED = [
  [25, 70],
  [1, 132],
  [1, 128],
  [2, 128],
  [1, 134],
  [2, 134],
]
  .map(([afi, safi]) => family(afi!, safi!))
  .join('')

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
  field.neighbour().sessions.stop({ code: 6, subcode: 4, data: new Uint8Array(0) }, 'next', true)
  field.neighbour().sessions.start()
}

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
