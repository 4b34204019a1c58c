import { type Bound, bytesOf, inEstablished, message, octet, type Verdict } from './bound.ts'

function refresh(kind: number, length: number): Verdict {
  if (kind > 2) return 'ignored'
  if (kind > 0 && length >= 22) return length === 23 ? 'ignored' : 'reset 7/1'
  return length < 23 ? 'reset 1/2' : 'accepted'
}

/** RFC 2918, 5291, 7313: a refresh by its subtype and length. */
const refreshes: readonly Bound[] = [19, 20, 21, 22, 23, 24, 28, 4096].flatMap((length) =>
  (length < 22 ? [0] : [0, 1, 2, 3, 255]).map((kind) =>
    inEstablished(
      kind === 0 ? '5291 §4, 4271 §6.1' : '7313 §5',
      `a ROUTE-REFRESH of ${length} octets and subtype ${kind}`,
      message(5, `0019${octet(kind)}46${bytesOf(4096)}`.slice(0, 2 * (length - 19))),
      refresh(kind, length),
    ),
  ),
)

/** RFC 4271 §4.5, §6.4: a NOTIFICATION is never answered. */
const notifications: readonly Bound[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255].flatMap((code) =>
    [0, 1, 255].map((subcode) =>
      inEstablished(
        '4271 §6.4',
        `NOTIFICATION ${code}/${subcode}`,
        message(3, octet(code) + octet(subcode)),
        'closed',
      ),
    ),
  ),
  ...[0, 1, 2, 254, 255].map((length) =>
    inEstablished(
      '9003 §2',
      `a shutdown with a text of ${length} octets`,
      message(3, `0602${octet(length)}${bytesOf(length, 0x61)}`),
      'closed',
    ),
  ),
  inEstablished('9003 §2', 'a shutdown whose text overruns', message(3, '060205616161'), 'closed'),
  inEstablished('9003 §2', 'a shutdown whose text is no UTF-8', message(3, '060202c328'), 'closed'),
  ...[0, 1, 2, 3].map((length) =>
    inEstablished(
      '8538 §3.1',
      `a hard reset of ${length} octets`,
      message(3, `0609${bytesOf(length, 6)}`),
      'closed',
    ),
  ),
  inEstablished('4271 §4.1', 'a NOTIFICATION of 4096 octets', message(3, `0604${bytesOf(4075)}`), 'closed'),
]

/** What is no route and no OPEN. */
export const others: readonly Bound[] = [...refreshes, ...notifications]
