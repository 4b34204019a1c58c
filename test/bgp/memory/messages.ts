import { EVPN, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import { encodeRouteRefresh, RefreshKind } from '../../../src/bgp/message/route-refresh.ts'
import { attribute, octet, u16, update, WELL_KNOWN } from '../../support/update-bytes.ts'

/** The messages of floods, made fast: a template whose numbers are patched. */

const RD = '00010a0000030007'
const REACH = `00194604${'0a000003'}00`

const u32 = (value: number): string => value.toString(16).padStart(8, '0')

/** A MAC route whose address says which; 35 octets. */
export const macNlri = (number: number): string =>
  `0221${RD}${'00'.repeat(14)}30${u16(0x0200)}${u32(number)}00000064`
const MAC_LENGTH = 35

/** An UPDATE of `count` MAC routes, and how to make it one of others. */
export class MacUpdates {
  private readonly bytes: Buffer
  private readonly first: number
  readonly count: number

  constructor(count: number, withdrawn = false, attributes = '') {
    const routes = Array.from({ length: count }, (_, i) => macNlri(i)).join('')
    this.bytes = withdrawn
      ? update(attribute(0x80, 15, `001946${routes}`))
      : update(attribute(0x80, 14, REACH + routes) + WELL_KNOWN + attributes)
    this.first = this.bytes.indexOf(Buffer.from(macNlri(0), 'hex')) + 2 + 8 + 10 + 4 + 1 + 2
    this.count = count
  }

  /** The routes from `number` on. */
  from(number: number): Buffer {
    for (let i = 0; i < this.count; i++) this.bytes.writeUInt32BE(number + i, this.first + i * MAC_LENGTH)
    return this.bytes
  }
}

/** One MAC route with one more attribute, whose octets are `length` and begin with the number. */
export class MarkedUpdates {
  private readonly bytes: Buffer
  private readonly numberAt: number
  private readonly markAt: number

  constructor(flags: number, code: number, length: number) {
    const value = `cafef00d${'ff'.repeat(length - 4)}`
    this.bytes = update(attribute(0x80, 14, REACH + macNlri(0)) + WELL_KNOWN + attribute(flags, code, value))
    this.numberAt = this.bytes.indexOf(Buffer.from(macNlri(0), 'hex')) + 27
    this.markAt = this.bytes.indexOf(Buffer.from('cafef00d', 'hex'))
  }

  from(number: number): Buffer {
    this.bytes.writeUInt32BE(number, this.numberAt)
    this.bytes.writeUInt32BE(number, this.markAt)
    return this.bytes
  }
}

/** EVPN routes that cannot be read: a MAC address of 40 bits. */
export const GARBAGE = update(
  attribute(0x80, 14, REACH + macNlri(1).replace('300200', '280200').repeat(100)) + WELL_KNOWN,
)

/** The same attribute again and again: one error each. */
export const REPEATED = update(
  attribute(0x80, 14, REACH + macNlri(1)) + WELL_KNOWN + attribute(0x80, 4, '00000001').repeat(500),
)

const MEMBERSHIP = `60${u32(64512)}0002fc00`

/** Memberships by their number, 500 an UPDATE. */
export function memberships(number: number, withdrawn = false): Buffer {
  const list = Array.from({ length: 500 }, (_, i) => MEMBERSHIP + u32(number + i)).join('')
  return withdrawn
    ? update(attribute(0x80, 15, `000184${list}`))
    : update(attribute(0x80, 14, `000184040a00000300${list}`) + WELL_KNOWN)
}

/** A membership of everything whose prefix length is as odd as can be, advertised and withdrawn. */
export const WILDCARD = [
  update(attribute(0x80, 14, `000184040a0000030000`) + WELL_KNOWN),
  update(attribute(0x80, 15, `00018400`)),
] as const

export const REFRESHED = [RefreshKind.Begin, RefreshKind.End].map((kind) =>
  encodeRouteRefresh({ family: EVPN, kind }),
)
export const REFRESH = encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request })
export const END_OF_RIB = [EVPN, ROUTE_TARGET].map((family) =>
  update(attribute(0x80, 15, u16(family >>> 8) + octet(family & 0xff))),
)
