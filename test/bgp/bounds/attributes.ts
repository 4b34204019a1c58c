import {
  attribute,
  attributesBound,
  type Bound,
  bytesOf,
  octet,
  REST,
  TARGET,
  u16,
  type Verdict,
} from './bound.ts'

const ORIGIN = attribute(0x40, 1, '00')
const AS_PATH = attribute(0x40, 2, '')
const LOCAL_PREF = attribute(0x40, 5, '00000064')

interface Kind {
  readonly rfc: string
  readonly name: string
  readonly code: number
  readonly flags: number
  /** Where it is one of those that a route has anyway: that one. */
  readonly replaces: string
  /** What comes of one that is malformed. */
  readonly bad: Verdict
  /** A value that is well. */
  readonly value: string
  readonly good: readonly number[]
  readonly lengths: readonly number[]
}

const kind = (
  rfc: string,
  name: string,
  code: number,
  flags: number,
  bad: Verdict,
  good: readonly number[],
  lengths: readonly number[],
  value: string = bytesOf(good[0]!, 1),
  replaces = '',
): Kind => ({ rfc, name, code, flags, replaces, bad, value, good, lengths })

const KINDS: readonly Kind[] = [
  kind('7606 §7.1', 'ORIGIN', 1, 0x40, 'withdrawn', [1], [0, 1, 2], '00', ORIGIN),
  kind('7606 §7.4', 'MULTI_EXIT_DISC', 4, 0x80, 'withdrawn', [4], [0, 3, 4, 5]),
  kind('7606 §7.5', 'LOCAL_PREF', 5, 0x40, 'withdrawn', [4], [0, 3, 4, 5], '00000064', LOCAL_PREF),
  kind('7606 §7.6', 'ATOMIC_AGGREGATE', 6, 0x40, 'discarded', [0], [0, 1], ''),
  kind('7606 §7.7', 'AGGREGATOR', 7, 0xc0, 'discarded', [8], [0, 6, 7, 8, 9]),
  kind('7606 §7.8', 'COMMUNITIES', 8, 0xc0, 'withdrawn', [4, 8], [0, 3, 4, 5, 8]),
  kind('7606 §7.9', 'ORIGINATOR_ID', 9, 0x80, 'withdrawn', [4], [0, 3, 4, 5]),
  kind('7606 §7.10', 'CLUSTER_LIST', 10, 0x80, 'withdrawn', [4, 8], [0, 3, 4, 5, 8]),
  kind('7606 §7.14', 'EXTENDED COMMUNITIES', 16, 0xc0, 'withdrawn', [8, 16], [0, 7, 8, 9, 16]),
  kind('6793 §6', 'AS4_AGGREGATOR', 18, 0xc0, 'discarded', [8], [0, 7, 8, 9]),
  kind('7606 §7.15', 'IPv6 EXTENDED COMMUNITIES', 25, 0xc0, 'withdrawn', [20, 40], [0, 19, 20, 21, 40]),
  kind('8092 §5', 'LARGE_COMMUNITY', 32, 0xc0, 'withdrawn', [12, 24], [0, 11, 12, 13, 24]),
]

const rest = ({ replaces }: Kind): string => REST.replace(replaces, '')

function boundsOf(of: Kind): Bound[] {
  const { rfc, name, code, flags, bad, value, good, lengths } = of
  const bound = (what: string, one: string, verdict: Verdict, reason = rfc): Bound =>
    attributesBound(reason, `${name} ${what}`, rest(of) + one, verdict)
  const one = attribute(flags, code, value)
  return [
    ...lengths.map((length) =>
      bound(
        `of ${length} octets`,
        attribute(flags, code, length === good[0] ? value : bytesOf(length, 1)),
        good.includes(length) ? 'accepted' : bad,
      ),
    ),
    bound('with its length in two octets', attribute(flags | 0x10, code, value), 'accepted', '4271 §4.3'),
    bound('with the Partial bit', attribute(flags | 0x20, code, value), 'accepted', '7606 §3 (c)'),
    bound('with its lower flags set', attribute(flags | 0x0f, code, value), 'accepted', '4271 §4.3'),
    bound('with the Optional bit turned', attribute(flags ^ 0x80, code, value), 'withdrawn', '7606 §3 (c)'),
    bound('with the Transitive bit turned', attribute(flags ^ 0x40, code, value), 'withdrawn', '7606 §3 (c)'),
    bound('twice', one + one, 'discarded', '7606 §3 (g)'),
  ]
}

const path = (name: string, value: string, verdict: Verdict, rfc = '7606 §7.2'): Bound =>
  attributesBound(rfc, `AS_PATH ${name}`, ORIGIN + attribute(0x40, 2, value) + LOCAL_PREF, verdict)
const segment = (type: number, count: number, as = '0000fde9'): string =>
  octet(type) + octet(count) + as.repeat(count)

const path4 = (name: string, value: string, verdict: Verdict, rfc = '6793 §6'): Bound =>
  attributesBound(rfc, `AS4_PATH ${name}`, REST + attribute(0xc0, 17, value), verdict)

const pmsi = (type: number, id: number, verdict: Verdict): Bound =>
  attributesBound(
    '6514 §5',
    `PMSI_TUNNEL of type ${type} with ${id} octets of identifier`,
    REST + attribute(0xc0, 22, `00${octet(type)}0003e9${bytesOf(id, 10)}`),
    verdict,
  )

const tunnel = (name: string, value: string, verdict: Verdict): Bound =>
  attributesBound('9012 §13', `TUNNEL_ENCAPSULATION ${name}`, REST + attribute(0xc0, 23, value), verdict)

const endpoint = (afi: number, address: string): string =>
  `06${octet(6 + address.length / 2)}00000000${u16(afi)}${address}`
const END = endpoint(1, 'c0000202')
const tunnelOf = (subTlvs: string, type = '0008'): string => type + u16(subTlvs.length / 2) + subTlvs

const sid = (name: string, value: string, verdict: Verdict): Bound =>
  attributesBound('8669 §6', `PREFIX_SID ${name}`, REST + attribute(0xc0, 40, value), verdict)

const unknown = (flags: number, length: number, verdict: Verdict): Bound =>
  attributesBound(
    '4271 §5',
    `an unknown attribute with flags 0x${octet(flags)} and ${length} octets`,
    REST + attribute(flags, 99, bytesOf(length)),
    verdict,
  )

/** RFC 4271 §5, RFC 7606 §3, §7: path attributes, each at its lengths and past them. */
export const attributes: readonly Bound[] = [
  ...KINDS.flatMap(boundsOf),
  ...[0, 1, 2, 3, 255].map((value) =>
    attributesBound(
      '7606 §7.1',
      `ORIGIN ${value}`,
      REST.replace(ORIGIN, attribute(0x40, 1, octet(value))),
      value > 2 ? 'withdrawn' : 'accepted',
    ),
  ),
  path('of no segment', '', 'accepted'),
  path('with a sequence of 1', segment(2, 1), 'accepted'),
  path('with a sequence of 255', segment(2, 255), 'accepted'),
  path('with a sequence of none', '0200', 'withdrawn'),
  path('with one octet', '02', 'withdrawn'),
  path('one octet short', segment(2, 1).slice(0, -2), 'withdrawn'),
  path('one octet long', `${segment(2, 1)}00`, 'withdrawn'),
  path('whose second segment overruns', `${segment(2, 1)}0202${'0000fde9'}`, 'withdrawn'),
  path('with segment type 0', segment(0, 1), 'withdrawn'),
  path('with segment type 5', segment(5, 1), 'withdrawn'),
  path('with a sequence of confederation members from inside', segment(3, 1), 'accepted', '5065 §5'),
  path('with a set', segment(1, 1), 'withdrawn', '9774 §3'),
  path('with a set of confederation members', segment(4, 1), 'withdrawn', '9774 §3'),
  path('with AS 0', segment(2, 1, '00000000'), 'withdrawn', '7607 §2'),
  path('with AS 1', segment(2, 1, '00000001'), 'accepted', '7607 §2'),
  path('with AS 4294967295', segment(2, 1, 'ffffffff'), 'accepted', '7607 §2'),
  path('with AS 0 as the last of 255', `02ff${'0000fde9'.repeat(254)}00000000`, 'withdrawn', '7607 §2'),
  path('with our AS', segment(2, 1, '0000fc00'), 'withdrawn', '4271 §9.1.2'),
  path('with the AS before ours', segment(2, 1, '0000fbff'), 'accepted', '4271 §9.1.2'),
  path('with our AS as the last of 255', `02ff${'0000fde9'.repeat(254)}0000fc00`, 'withdrawn', '4271 §9.1.2'),
  path4('with a sequence', segment(2, 1), 'accepted'),
  path4('with a sequence of none', '0200', 'discarded'),
  path4('one octet short', segment(2, 1).slice(0, -2), 'discarded'),
  path4('with segment type 5', segment(5, 1), 'discarded'),
  path4('with a set', segment(1, 1), 'withdrawn', '9774 §3'),
  ...[0, 1, 4].map((length) =>
    attributesBound(
      '6514 §5',
      `PMSI_TUNNEL of ${length} octets`,
      REST + attribute(0xc0, 22, bytesOf(length)),
      'withdrawn',
    ),
  ),
  pmsi(0, 0, 'accepted'),
  ...[0, 3, 5, 15, 17].map((id) => pmsi(6, id, 'withdrawn')),
  ...[4, 16].map((id) => pmsi(6, id, 'accepted')),
  pmsi(255, 1, 'accepted'),
  tunnel('of none', '', 'withdrawn'),
  tunnel('of three octets', '000800', 'withdrawn'),
  tunnel('one octet short', '00080001', 'withdrawn'),
  tunnel('one octet long', `${tunnelOf(END)}00`, 'withdrawn'),
  tunnel('of an endpoint only', tunnelOf(END), 'accepted'),
  tunnel('with a sub-TLV to its end', tunnelOf(`${END}0202ab80`), 'accepted'),
  tunnel('with a sub-TLV one past its end', tunnelOf(`${END}0203ab80`), 'withdrawn'),
  tunnel('with a sub-TLV one short of its end', tunnelOf(`${END}0201ab80`), 'withdrawn'),
  tunnel('with sub-TLV 127 of one octet of length', tunnelOf(`${END}7f01ab`), 'accepted'),
  tunnel('with sub-TLV 128 of two octets of length', tunnelOf(`${END}800001ab`), 'accepted'),
  tunnel('with sub-TLV 128 of one octet of length', tunnelOf(`${END}8001ab`), 'withdrawn'),
  tunnel('with an unknown sub-TLV of no octet', tunnelOf(`${END}6300`), 'accepted'),
  tunnel('with a sub-TLV of a wrong length', tunnelOf(`${END}080112`), 'accepted'),
  tunnel('with a sub-TLV twice', tunnelOf(`${END}080212b5080212b5`), 'accepted'),
  tunnel('with a sub-TLV of no use to its type', tunnelOf(`${END}080212b5`, '0007'), 'accepted'),
  tunnel('of an unknown type', tunnelOf(`${END}0201ab`, 'fffe'), 'accepted'),
  tunnel('without an endpoint', tunnelOf(''), 'withdrawn'),
  tunnel('with two endpoints', tunnelOf(END + END), 'withdrawn'),
  tunnel('without an endpoint behind one with it', tunnelOf(END) + tunnelOf(''), 'discarded'),
  ...[0, 5, 6, 7].map((length) =>
    tunnel(
      `whose endpoint of no family has ${length} octets`,
      tunnelOf(`06${octet(length)}${bytesOf(length)}`),
      length === 6 ? 'accepted' : 'withdrawn',
    ),
  ),
  ...[
    [1, 3],
    [1, 4],
    [1, 5],
    [2, 4],
    [2, 15],
    [2, 16],
    [2, 17],
    [3, 4],
  ].map(([afi, length]) =>
    tunnel(
      `whose endpoint of address family ${afi} has ${length} octets of address`,
      tunnelOf(endpoint(afi!, bytesOf(length!, 0x20))),
      afi === 3 || length === (afi === 1 ? 4 : 16) ? 'accepted' : 'withdrawn',
    ),
  ),
  ...(
    [
      ['0.255.255.255', '00ffffff', 'withdrawn'],
      ['1.0.0.0', '01000000', 'accepted'],
      ['126.255.255.255', '7effffff', 'accepted'],
      ['127.0.0.0', '7f000000', 'withdrawn'],
      ['128.0.0.0', '80000000', 'accepted'],
      ['223.255.255.255', 'dfffffff', 'accepted'],
      ['224.0.0.0', 'e0000000', 'withdrawn'],
    ] as const
  ).map(([address, value, verdict]) =>
    attributesBound(
      '9012 §3.1',
      `TUNNEL_ENCAPSULATION whose endpoint is ${address}`,
      REST + attribute(0xc0, 23, tunnelOf(endpoint(1, value))),
      verdict,
    ),
  ),
  attributesBound(
    '9012 §13',
    'TUNNEL_ENCAPSULATION that is not transitive',
    REST + attribute(0x80, 23, tunnelOf(END)),
    'withdrawn',
  ),
  sid('of no TLV', '', 'discarded'),
  sid('with a label index of 7 octets', `010007${bytesOf(7)}`, 'accepted'),
  sid('with a label index of 6 octets', `010006${bytesOf(6)}`, 'discarded'),
  sid('with a label index of 8 octets', `010008${bytesOf(8)}`, 'discarded'),
  sid('with an SRGB of 8 octets', `030008${bytesOf(8)}`, 'accepted'),
  sid('with an SRGB of 7 octets', `030007${bytesOf(7)}`, 'discarded'),
  sid('with an SRGB of 2 octets', `030002${bytesOf(2)}`, 'discarded'),
  sid('with an SRGB of 14 octets', `03000e${bytesOf(14)}`, 'accepted'),
  sid('one octet short', `010007${bytesOf(6)}`, 'discarded'),
  sid('one octet long', `010007${bytesOf(7)}00`, 'discarded'),
  sid('with an unknown TLV', '63000100', 'accepted'),
  ...[0, 1, 255, 256].flatMap((length) => [
    unknown(0xc0, length, 'accepted'),
    unknown(0x80, length, 'accepted'),
  ]),
  unknown(0x40, 0, 'reset 3/2'),
  unknown(0x00, 1, 'reset 3/2'),
  ...(
    [
      ['ORIGIN', ORIGIN],
      ['AS_PATH', AS_PATH],
      ['LOCAL_PREF', LOCAL_PREF],
    ] as const
  ).map(([name, one]) =>
    attributesBound('7606 §3 (d)', `no ${name}`, REST.replace(one, '') + TARGET, 'withdrawn'),
  ),
]
