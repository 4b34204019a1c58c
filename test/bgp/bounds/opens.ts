import {
  type Bound,
  bytesOf,
  capability,
  octet,
  openMessage,
  openWith,
  parameter,
  SENDER_CAPABILITIES,
  SPEAKER_IDENTIFIER,
  u16,
  type Verdict,
} from './bound.ts'

const open = (rfc: string, name: string, bytes: Buffer, verdict: Verdict): Bound => ({
  ...{ rfc, name, at: 'OpenSent', before: [], bytes, verdict },
})

const AS4 = capability(65, '0000fc00')
/** A capability by its value: understood, or as good as not advertised (RFC 5492 §4). */
const value = (
  rfc: string,
  name: string,
  code: number,
  hex: string,
  verdict: 'accepted' | 'ignored',
): Bound => open(rfc, name, openWith((code === 65 ? '' : AS4) + capability(code, hex)), verdict)

/** Lengths of a capability's value, of which those in `good` are. */
const lengths = (
  rfc: string,
  name: string,
  code: number,
  good: readonly number[],
  all: readonly number[],
): Bound[] =>
  all.map((length) =>
    value(
      rfc,
      `${name} of ${length} octets`,
      code,
      bytesOf(length),
      good.includes(length) ? 'accepted' : 'ignored',
    ),
  )

const parameters = (text: string, declared = text.length / 2): string => octet(declared) + text
const GOOD = parameter(2, SENDER_CAPABILITIES)
const LONG = `02${u16(SENDER_CAPABILITIES.length / 2)}${SENDER_CAPABILITIES}`
const long = (text: string, declared = text.length / 2): string => `ffff${u16(declared)}${text}`

/** RFC 4271 §4.2, §6.2, RFC 5492, 6286, 6793, 7607, 9072: the OPEN. */
export const opens: readonly Bound[] = [
  ...[0, 3, 5, 255].map((version) =>
    open('4271 §6.2', `version ${version}`, openMessage({ version: octet(version) }), 'reset 2/1'),
  ),
  open('4271 §6.2', 'version 4', openMessage(), 'accepted'),
  ...[64511, 64513, 0, 65535].map((as) =>
    open(
      '4271 §6.2',
      `AS ${as} in place of 64512`,
      openMessage({ as: u16(as) }, parameters('')),
      'reset 2/2',
    ),
  ),
  ...(
    [
      ['0000fc00', 'accepted'],
      ['0000fbff', 'reset 2/2'],
      ['0000fc01', 'reset 2/2'],
      ['00000000', 'reset 2/2'],
      ['ffffffff', 'reset 2/2'],
    ] as const
  ).map(([as, verdict]) => open('6793 §4.2.1', `4-octet AS 0x${as}`, openWith(capability(65, as)), verdict)),
  open('7607 §2', 'AS 0 beside a 4-octet AS', openMessage({ as: '0000' }), 'reset 2/2'),
  open('6286 §2.2', 'identifier 0', openMessage({ identifier: '00000000' }), 'reset 2/3'),
  open('6286 §2.2', 'identifier 1', openMessage({ identifier: '00000001' }), 'accepted'),
  open('6286 §2.2', 'identifier 0xffffffff', openMessage({ identifier: 'ffffffff' }), 'accepted'),
  open('6286 §2.2', 'our identifier', openMessage({ identifier: SPEAKER_IDENTIFIER }), 'reset 2/3'),
  open('6286 §2.2', 'the identifier after ours', openMessage({ identifier: '0a4d0002' }), 'accepted'),
  ...[0, 1, 2, 3, 4, 65535].map((hold) =>
    open(
      '4271 §6.2',
      `a hold time of ${hold}`,
      openMessage({ hold: u16(hold) }),
      hold === 1 || hold === 2 ? 'reset 2/6' : 'accepted',
    ),
  ),

  // Optional parameters.
  open('4271 §4.2', 'parameters of their length', openMessage({}, parameters(GOOD)), 'accepted'),
  open(
    '4271 §6.2',
    'parameters one octet short',
    openMessage({}, parameters(GOOD, GOOD.length / 2 - 1)),
    'reset 2/0',
  ),
  open(
    '4271 §6.2',
    'parameters one octet long',
    openMessage({}, parameters(GOOD, GOOD.length / 2 + 1)),
    'reset 2/0',
  ),
  open('4271 §6.2', 'a parameter of one octet', openMessage({}, parameters(`${GOOD}02`)), 'reset 2/0'),
  open('4271 §6.2', 'a parameter that overruns', openMessage({}, parameters(`${GOOD}0201`)), 'reset 2/0'),
  open('5492 §4', 'a parameter of no octet', openMessage({}, parameters(`${GOOD}0200`)), 'accepted'),
  ...[0, 1, 3, 128, 254].map((type) =>
    open(
      '4271 §6.2',
      `optional parameter ${type}`,
      openMessage({}, parameters(GOOD + parameter(type, ''))),
      'reset 2/4',
    ),
  ),
  open('5492 §4', 'a capability that overruns', openWith(`${AS4}0101`), 'reset 2/0'),
  open('5492 §4', 'a capability of one octet', openWith(`${AS4}01`), 'reset 2/0'),
  open('9072 §2', 'two octets of length', openMessage({}, long(LONG)), 'accepted'),
  open(
    '9072 §2',
    'two octets of length, one short',
    openMessage({}, long(LONG, LONG.length / 2 - 1)),
    'reset 2/0',
  ),
  open(
    '9072 §2',
    'two octets of length, one long',
    openMessage({}, long(LONG, LONG.length / 2 + 1)),
    'reset 2/0',
  ),
  open('9072 §2', 'any length in front of them', openMessage({}, `01${long(LONG).slice(2)}`), 'accepted'),
  open('5492 §3', 'no capabilities: no common family', openMessage({}, parameters('')), 'reset 2/7'),
  open(
    '4760 §8',
    'none of our families',
    openMessage({}, parameters(parameter(2, capability(1, '00010001') + AS4))),
    'reset 2/7',
  ),
  open(
    '4760 §8',
    'one of our families',
    openMessage({}, parameters(parameter(2, capability(1, '00190046') + AS4))),
    'accepted',
  ),

  // Capabilities.
  ...lengths('4760 §8', 'multiprotocol', 1, [4], [0, 3, 4, 5]),
  ...lengths('2918 §2', 'route refresh', 2, [0], [0, 1]),
  ...lengths('8950 §4', 'extended next hop', 5, [0, 6, 12], [0, 1, 5, 6, 7, 12]),
  value('8950 §4', 'extended next hop with SAFI 255', 5, '000100ff0002', 'accepted'),
  value('8950 §4', 'extended next hop with SAFI 256', 5, '000101000002', 'ignored'),
  ...lengths('8654 §3', 'extended message', 6, [0], [0, 1]),
  ...lengths('9234 §4.1', 'role', 9, [1], [0, 1, 2]),
  ...lengths('4724 §3', 'graceful restart', 64, [2, 6, 10], [0, 1, 2, 3, 5, 6, 7, 10]),
  ...lengths('6793 §3', '4-octet AS', 65, [], [0, 3, 5]),
  ...lengths('7911 §4', 'add-path', 69, [0], [0, 1, 3, 5]),
  ...[0, 1, 2, 3, 4, 255].map((mode) =>
    value(
      '7911 §4',
      `add-path of mode ${mode}`,
      69,
      `001946${octet(mode)}`,
      mode >= 1 && mode <= 3 ? 'accepted' : 'ignored',
    ),
  ),
  ...lengths('7313 §3.1', 'enhanced route refresh', 70, [0], [0, 1]),
  ...lengths('9494 §3.1', 'long-lived graceful restart', 71, [0, 7, 14], [0, 1, 6, 7, 8, 14]),
  ...(
    [
      ['0000', 'accepted'],
      ['00', 'ignored'],
      ['0161', 'ignored'],
      ['016100', 'accepted'],
      ['02616100', 'accepted'],
      ['026161', 'ignored'],
      ['0001', 'ignored'],
      ['000161', 'accepted'],
      ['00016100', 'ignored'],
    ] as const
  ).map(([hex, verdict]) =>
    value('draft-walton-bgp-hostname-capability §2', `FQDN 0x${hex}`, 73, hex, verdict),
  ),
  ...(
    [
      ['', 'ignored'],
      ['00', 'accepted'],
      ['01', 'ignored'],
      ['0161', 'accepted'],
      ['016100', 'ignored'],
    ] as const
  ).map(([hex, verdict]) =>
    value('draft-ietf-idr-bgp-software-version §2', `software version 0x${hex}`, 75, hex, verdict),
  ),
]
