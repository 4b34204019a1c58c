import type { Octets } from '../../values/bytes.ts'
import { Capability as Code } from '../constants.ts'
import { Malformed } from '../errors.ts'
import { afiOf, type Family, familyOf, safiOf } from '../family.ts'
import { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import { utf8 } from './text.ts'

export interface ExtendedNextHop {
  readonly family: Family
  readonly nextHopAfi: number
}

/** RFC 4724 §3, RFC 8538 §2. */
export interface GracefulRestart {
  readonly restarting: boolean
  readonly notification: boolean
  readonly restartTimeSeconds: number
  readonly families: readonly { readonly family: Family; readonly forwarding: boolean }[]
}

/** RFC 9494 §3.1. */
export interface LongLivedFamily {
  readonly family: Family
  readonly forwarding: boolean
  readonly staleTimeSeconds: number
}

export const AddPathMode = { Receive: 1, Send: 2 } as const

/** RFC 7911 §4: `mode` is what its sender supports, a sum of `AddPathMode`. */
export interface AddPathFamily {
  readonly family: Family
  readonly mode: number
}

/** The capabilities in one OPEN (RFC 5492). Several of one code are merged; absent ones are null or false. */
export interface Capabilities {
  families: Family[]
  routeRefresh: boolean
  enhancedRouteRefresh: boolean
  extendedNextHop: ExtendedNextHop[]
  extendedMessage: boolean
  role: number | null
  gracefulRestart: GracefulRestart | null
  fourOctetAs: number | null
  addPath: AddPathFamily[]
  longLivedGracefulRestart: LongLivedFamily[]
  hostname: string | null
  softwareVersion: string | null
  unknown: { readonly code: number; readonly value: Octets }[]
}

export function noCapabilities(): Capabilities {
  return {
    families: [],
    routeRefresh: false,
    enhancedRouteRefresh: false,
    extendedNextHop: [],
    extendedMessage: false,
    role: null,
    gracefulRestart: null,
    fourOctetAs: null,
    addPath: [],
    longLivedGracefulRestart: [],
    hostname: null,
    softwareVersion: null,
    unknown: [],
  }
}

/** One capability as data: reads its value into the record, and writes the record's values, once or several times. */
interface CapabilityCodec {
  readonly code: number
  decode(reader: Reader, into: Capabilities): void
  /** One value for each capability to send. */
  values(from: Capabilities): readonly ((writer: Writer) => void)[]
}

const MAX_VALUE_LENGTH = 255
const NOTIFICATION_BIT = 0x4
const RESTART_BIT = 0x8
const FORWARDING_BIT = 0x80
const empty = (): void => {}

const readFamily = (r: Reader): Family => familyOf(r.u16(), r.u8())

function writeFamily(w: Writer, family: Family): void {
  w.u16(afiOf(family))
  w.u8(safiOf(family))
}

/** A SAFI in two octets, of which it needs one (RFC 8950 §4). */
function readWideSafi(r: Reader): number {
  const safi = r.u16()
  if (safi > 0xff) throw new Malformed(`SAFI ${safi}`)
  return safi
}

/** Any other mode makes the capability an unknown one (RFC 7911 §4). */
function readMode(r: Reader): number {
  const mode = r.u8()
  if (mode < AddPathMode.Receive || mode > (AddPathMode.Receive | AddPathMode.Send))
    throw new Malformed(`add-path mode ${mode}`)
  return mode
}

function flag(
  code: number,
  field: 'routeRefresh' | 'enhancedRouteRefresh' | 'extendedMessage',
): CapabilityCodec {
  return {
    code,
    decode(_, into) {
      into[field] = true
    },
    values: (from) => (from[field] ? [empty] : []),
  }
}

/** The capabilities that are decoded. Adding one is one entry and one fixture. */
export const capabilityCodecs: readonly CapabilityCodec[] = [
  {
    code: Code.MultiProtocol,
    decode(r, into) {
      const afi = r.u16()
      r.skip(1)
      into.families.push(familyOf(afi, r.u8()))
    },
    values: ({ families }) =>
      families.map((family) => (w) => {
        w.u16(afiOf(family))
        w.u8(0)
        w.u8(safiOf(family))
      }),
  },
  flag(Code.RouteRefresh, 'routeRefresh'),
  {
    code: Code.ExtendedNextHop,
    decode(r, into) {
      while (r.remaining > 0)
        into.extendedNextHop.push({ family: familyOf(r.u16(), readWideSafi(r)), nextHopAfi: r.u16() })
    },
    values: ({ extendedNextHop }) =>
      several(extendedNextHop, (w, { family, nextHopAfi }) => {
        w.u16(afiOf(family))
        w.u16(safiOf(family))
        w.u16(nextHopAfi)
      }),
  },
  flag(Code.ExtendedMessage, 'extendedMessage'),
  {
    code: Code.Role,
    decode(r, into) {
      into.role = r.u8()
    },
    values: ({ role }) => (role === null ? [] : [(w) => w.u8(role)]),
  },
  {
    code: Code.GracefulRestart,
    decode(r, into) {
      const head = r.u16()
      const families: { family: Family; forwarding: boolean }[] = []
      while (r.remaining > 0)
        families.push({ family: readFamily(r), forwarding: (r.u8() & FORWARDING_BIT) !== 0 })
      into.gracefulRestart = {
        restarting: ((head >>> 12) & RESTART_BIT) !== 0,
        notification: ((head >>> 12) & NOTIFICATION_BIT) !== 0,
        restartTimeSeconds: head & 0xfff,
        families,
      }
    },
    values: ({ gracefulRestart: restart }) =>
      restart === null
        ? []
        : [
            (w) => {
              const flags =
                (restart.restarting ? RESTART_BIT : 0) | (restart.notification ? NOTIFICATION_BIT : 0)
              w.u16((flags << 12) | restart.restartTimeSeconds)
              for (const { family, forwarding } of restart.families) {
                writeFamily(w, family)
                w.u8(forwarding ? FORWARDING_BIT : 0)
              }
            },
          ],
  },
  {
    code: Code.FourOctetAs,
    decode(r, into) {
      into.fourOctetAs = r.u32()
    },
    values: ({ fourOctetAs }) => (fourOctetAs === null ? [] : [(w) => w.u32(fourOctetAs)]),
  },
  {
    code: Code.AddPath,
    decode(r, into) {
      while (r.remaining > 0) into.addPath.push({ family: readFamily(r), mode: readMode(r) })
    },
    values: ({ addPath }) =>
      several(addPath, (w, { family, mode }) => {
        writeFamily(w, family)
        w.u8(mode)
      }),
  },
  flag(Code.EnhancedRouteRefresh, 'enhancedRouteRefresh'),
  {
    code: Code.LongLivedGracefulRestart,
    decode(r, into) {
      while (r.remaining > 0) {
        into.longLivedGracefulRestart.push({
          family: readFamily(r),
          forwarding: (r.u8() & FORWARDING_BIT) !== 0,
          staleTimeSeconds: r.u24(),
        })
      }
    },
    values: ({ longLivedGracefulRestart }) =>
      several(longLivedGracefulRestart, (w, { family, forwarding, staleTimeSeconds }) => {
        writeFamily(w, family)
        w.u8(forwarding ? FORWARDING_BIT : 0)
        w.u24(staleTimeSeconds)
      }),
  },
  {
    code: Code.Fqdn,
    decode(r, into) {
      into.hostname = text(r.octets(r.u8()))
      r.skip(r.u8())
    },
    values: ({ hostname }) =>
      hostname === null
        ? []
        : [
            (w) => {
              writeText(w, hostname, MAX_VALUE_LENGTH - 2)
              w.u8(0)
            },
          ],
  },
  {
    code: Code.SoftwareVersion,
    decode(r, into) {
      into.softwareVersion = text(r.octets(r.u8()))
    },
    values: ({ softwareVersion }) =>
      softwareVersion === null ? [] : [(w) => writeText(w, softwareVersion, MAX_VALUE_LENGTH - 1)],
  },
  {
    code: Code.OldRouteRefresh,
    decode(_, into) {
      into.routeRefresh = true
    },
    values: () => [],
  },
]

const byCode = new Map(capabilityCodecs.map((codec) => [codec.code, codec]))

function several<T>(items: readonly T[], write: (w: Writer, item: T) => void): ((w: Writer) => void)[] {
  if (items.length === 0) return []
  return [
    (w) => {
      for (const item of items) write(w, item)
    },
  ]
}

const text = (octets: Octets): string => Buffer.from(octets, 'latin1').toString('utf8')

/** A text after its length; a text longer than `maxLength` is truncated. */
function writeText(w: Writer, value: string, maxLength: number): void {
  const bytes = utf8(value, maxLength)
  w.u8(bytes.length)
  w.bytes(bytes)
}

/** Reads the capabilities of one optional parameter, up to the bound. A malformed value counts as not advertised (RFC 5492 §4). */
export function decodeCapabilities(r: Reader, into: Capabilities): void {
  while (r.remaining > 0) {
    const code = r.u8()
    const value = r.octets(r.u8())
    const codec = byCode.get(code)
    if (codec === undefined) {
      into.unknown.push({ code, value })
      continue
    }
    if (isWellFormed(codec, value)) codec.decode(new Reader(Buffer.from(value, 'latin1')), into)
    else into.unknown.push({ code, value })
  }
}

/** Decoded into a separate record, so that a malformed value leaves no trace. */
function isWellFormed(codec: CapabilityCodec, value: Octets): boolean {
  const r = new Reader(Buffer.from(value, 'latin1'))
  try {
    codec.decode(r, noCapabilities())
    r.expectEnd()
    return true
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return false
  }
}

export function encodeCapabilities(w: Writer, from: Capabilities): void {
  const write = (code: number, value: (w: Writer) => void): void => {
    w.u8(code)
    const length = w.reserve(1)
    value(w)
    w.patch(length, 1)
  }
  for (const { code, values } of capabilityCodecs) for (const value of values(from)) write(code, value)
  for (const { code, value } of from.unknown) write(code, () => w.octets(value))
}
