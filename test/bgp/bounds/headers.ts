import {
  attribute,
  type Bound,
  bytesOf,
  GOOD,
  inEstablished,
  KEEPALIVE,
  message,
  octet,
  REST,
  ROUTE,
  u16,
  update,
} from './bound.ts'

const KEEP = KEEPALIVE.toString('hex')
const withLength = (type: number, length: number, declared = length): Buffer =>
  message(type, bytesOf(Math.max(0, length - 19)), declared)

/** An UPDATE of that length, filled up by an unknown attribute that is passed on. */
function updateOf(length: number): Buffer {
  const short = update(ROUTE + REST + attribute(0xd0, 99, ''))
  return update(ROUTE + REST + attribute(0xd0, 99, bytesOf(length - short.length)))
}

const startup = (
  rfc: string,
  name: string,
  at: Bound['at'],
  bytes: Buffer,
  verdict: Bound['verdict'],
): Bound => ({
  ...{ rfc, name, at, before: [], bytes, verdict },
})

/** RFC 4271 §4.1, §6.1, RFC 8654: the header of a message. */
export const headers: readonly Bound[] = [
  ...Array.from({ length: 16 }, (_, i) =>
    inEstablished(
      '4271 §6.1',
      `octet ${i + 1} of the marker not all ones`,
      Buffer.from(`${KEEP.slice(0, 2 * i)}fe${KEEP.slice(2 * i + 2)}`, 'hex'),
      'reset 1/1',
    ),
  ),
  inEstablished('4271 §6.1', 'a marker of ones', KEEPALIVE, 'ignored'),
  ...[0, 1, 18].flatMap((length) =>
    [1, 2, 3, 4, 5].map((type) =>
      inEstablished(
        '4271 §6.1',
        `type ${type} of length ${length}`,
        withLength(type, 19, length),
        'reset 1/2',
      ),
    ),
  ),
  inEstablished('4271 §4.4', 'a KEEPALIVE of 20 octets', withLength(4, 20), 'reset 1/2'),
  inEstablished('4271 §6.1', 'an UPDATE of 22 octets', withLength(2, 22), 'reset 1/2'),
  inEstablished('4271 §6.1', 'an UPDATE of 23 octets', withLength(2, 23), 'ignored'),
  inEstablished('4271 §6.1', 'a NOTIFICATION of 20 octets', message(3, '06'), 'reset 1/2'),
  inEstablished('4271 §6.1', 'a NOTIFICATION of 21 octets', message(3, '0604'), 'closed'),
  startup('4271 §6.1', 'an OPEN of 28 octets', 'OpenSent', message(1, '04fc00005a0a4d000b'), 'reset 1/2'),
  inEstablished('4271 §4.1', 'an UPDATE of 4096 octets', updateOf(4096), 'accepted'),
  inEstablished(
    '8654 §4',
    'an UPDATE of 4097 octets where we advertised long messages',
    updateOf(4097),
    'accepted',
  ),
  inEstablished('8654 §4', 'an UPDATE of 65535 octets', updateOf(65535), 'accepted'),
  inEstablished('8654 §4', 'a KEEPALIVE of 4097 octets', withLength(4, 19, 4097), 'reset 1/2'),
  startup('8654 §4', 'an OPEN of 4097 octets', 'OpenSent', withLength(1, 29, 4097), 'reset 1/2'),
  startup(
    '8654 §4',
    'an UPDATE of 4097 octets before the OPEN',
    'OpenSent',
    withLength(2, 29, 4097),
    'reset 1/2',
  ),
  ...[0, 6, 7, 127, 128, 254, 255].flatMap((type) => [
    inEstablished('4271 §6.1', `a message of type ${type}`, withLength(type, 19), 'reset 1/3'),
    startup(
      '4271 §6.1',
      `a message of type ${type} before the OPEN`,
      'OpenSent',
      withLength(type, 19),
      'reset 1/3',
    ),
  ]),
  // RFC 4271 §8.2.2 and RFC 6608 §4: messages that a state does not expect.
  ...(
    [
      ['OpenSent', 'a KEEPALIVE', KEEPALIVE, 'reset 5/1'],
      ['OpenSent', 'an UPDATE', GOOD, 'reset 5/1'],
      ['OpenSent', 'a ROUTE-REFRESH', message(5, '00190046'), 'reset 5/1'],
      ['OpenSent', 'a NOTIFICATION', message(3, '0604'), 'closed'],
      ['OpenConfirm', 'an UPDATE', GOOD, 'reset 5/2'],
      ['OpenConfirm', 'a ROUTE-REFRESH', message(5, '00190046'), 'reset 5/2'],
      ['OpenConfirm', 'a NOTIFICATION', message(3, '0604'), 'closed'],
    ] as const
  ).map(([at, name, bytes, verdict]) => startup('6608 §4', `${name} in ${at}`, at, bytes, verdict)),

  // RFC 4271 §4.3, §6.3, RFC 7606 §3: the lengths within an UPDATE.
  inEstablished(
    '4271 §6.3',
    'withdrawn routes that end where the UPDATE does',
    message(2, `0000${u16(0)}`),
    'ignored',
  ),
  inEstablished('4271 §6.3', 'withdrawn routes one octet past it', message(2, '00010000'), 'reset 3/1'),
  inEstablished('4271 §6.3', 'withdrawn routes far past it', message(2, 'ffff0000'), 'reset 3/1'),
  inEstablished('4271 §6.3', 'attributes one octet past it', message(2, '00000001'), 'reset 3/1'),
  inEstablished('4271 §6.3', 'attributes far past it', message(2, '0000ffff'), 'reset 3/1'),
  inEstablished('7606 §4', 'an attribute of one octet', message(2, `0000000140`), 'reset 3/1'),
  inEstablished('7606 §4', 'an attribute that ends where they do', update(ROUTE + REST), 'accepted'),
  inEstablished('7606 §4', 'one octet behind the last attribute', update(`${ROUTE}${REST}80`), 'withdrawn'),
  inEstablished(
    '7606 §4',
    'two octets behind the last attribute',
    update(`${ROUTE}${REST}8004`),
    'withdrawn',
  ),
  inEstablished('7606 §4', 'an attribute one octet past them', update(`${ROUTE}${REST}800401`), 'withdrawn'),
  inEstablished('7606 §4', 'an extended length of one octet', update(`${ROUTE}${REST}900400`), 'withdrawn'),
  inEstablished('7606 §4', 'the same before the routes', update(`${REST}800440${ROUTE}`), 'reset 3/1'),
  ...[31, 32, 33, 255].map((bits) =>
    inEstablished(
      '7606 §5.3',
      `an IPv4 prefix of ${bits} bits, of a family that was not agreed`,
      update(REST + attribute(0x40, 3, 'c0000202'), { nlri: octet(bits) + bytesOf((bits + 7) >> 3) }),
      bits > 32 ? 'reset 3/10' : 'ignored',
    ),
  ),
  ...[127, 128, 129, 255].map((bits) =>
    inEstablished(
      '7606 §5.3',
      `an IPv6 prefix of ${bits} bits, of a family that was not agreed`,
      update(
        attribute(0x80, 14, `00020110${bytesOf(16, 0x20)}00${octet(bits)}${bytesOf((bits + 7) >> 3)}`) + REST,
      ),
      'ignored',
    ),
  ),
  ...[0, 15, 16, 17, 255].map((length) =>
    inEstablished(
      '7606 §5.3',
      `a next hop of ${length} octets of a family that was not agreed`,
      update(attribute(0x80, 14, `000201${octet(length)}${bytesOf(length, 0x20)}0000`) + REST),
      'ignored',
    ),
  ),
  inEstablished(
    '7606 §5.3',
    'a next hop that overruns, of a family that was not agreed',
    update(attribute(0x80, 14, `000201ff${bytesOf(16, 0x20)}0000`) + REST),
    'ignored',
  ),
  ...[128, 129].map((bits) =>
    inEstablished(
      '7606 §5.3',
      `a withdrawn IPv6 prefix of ${bits} bits, of a family that was not agreed`,
      update(attribute(0x80, 15, `000201${octet(bits)}${bytesOf((bits + 7) >> 3)}`)),
      'ignored',
    ),
  ),
]
