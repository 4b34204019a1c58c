import { AS_TRANS, BGP_VERSION, ErrorCode, HEADER_LENGTH, MessageType, OpenSubcode } from '../constants.ts'
import { Malformed, SessionError } from '../errors.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { type Capabilities, decodeCapabilities, encodeCapabilities, noCapabilities } from './capability.ts'
import { writeMessage } from './header.ts'

/** RFC 4271 §4.2. `as` is the effective one, from the 4-octet AS capability where there is one. */
export interface Open {
  readonly version: number
  readonly as: number
  readonly holdTimeSeconds: number
  readonly identifier: number
  readonly capabilities: Capabilities
}

const CAPABILITIES_PARAMETER = 2
/** RFC 9072 §2: parameter type and length octet that advertise two-octet lengths. */
const EXTENDED_PARAMETERS = 255

/** Decodes an OPEN, header included. Throws `SessionError` with the NOTIFICATION of RFC 4271 §6.2. */
export function decodeOpen(message: Uint8Array): Open {
  const r = new Reader(message, HEADER_LENGTH)
  const version = r.u8()
  if (version !== BGP_VERSION) {
    const supported = Uint8Array.of(0, BGP_VERSION)
    throw new SessionError(
      `version ${version}`,
      ErrorCode.OpenMessage,
      OpenSubcode.UnsupportedVersionNumber,
      supported,
    )
  }
  const as2 = r.u16()
  const holdTimeSeconds = r.u16()
  const identifier = r.u32()
  const capabilities = noCapabilities()
  try {
    readParameters(r, (parameter) => decodeCapabilities(parameter, capabilities))
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw new SessionError(
      `optional parameters: ${error.message}`,
      ErrorCode.OpenMessage,
      OpenSubcode.Unspecific,
    )
  }
  const as = capabilities.fourOctetAs ?? as2
  if (as === 0 || as2 === 0)
    throw new SessionError('AS 0 (RFC 7607 §2)', ErrorCode.OpenMessage, OpenSubcode.BadPeerAs)
  return { version, as, holdTimeSeconds, identifier, capabilities }
}

/** Reads optional parameters; `capabilities` reads one that holds capabilities, up to the bound (RFC 5492 §4, RFC 9072 §2). */
export function readParameters(r: Reader, capabilities: (r: Reader) => void): void {
  const shortLength = r.u8()
  // The type in front decides; the short length means nothing then (RFC 9072 §2).
  const extended = shortLength > 0 && r.remaining > 0 && r.bytes[r.pos] === EXTENDED_PARAMETERS
  if (extended) r.skip(1)
  const length = extended ? r.u16() : shortLength
  if (length !== r.remaining) throw new Malformed(`${length} bytes declared, ${r.remaining} there`)
  while (r.remaining > 0) {
    const type = r.u8()
    const outer = r.enter(extended ? r.u16() : r.u8())
    if (type !== CAPABILITIES_PARAMETER) {
      throw new SessionError(
        `optional parameter ${type}`,
        ErrorCode.OpenMessage,
        OpenSubcode.UnsupportedOptionalParameter,
      )
    }
    capabilities(r)
    r.leave(outer)
  }
}

export function encodeOpen({ version, as, holdTimeSeconds, identifier, capabilities }: Open): Buffer {
  const w = new Writer(256)
  const list = new Writer(256)
  encodeCapabilities(list, capabilities)
  const extended = list.length > EXTENDED_PARAMETERS - 2
  writeMessage(w, MessageType.Open, () => {
    w.u8(version)
    w.u16(as > 0xffff ? AS_TRANS : as)
    w.u16(holdTimeSeconds)
    w.u32(identifier)
    if (extended) {
      w.u16((EXTENDED_PARAMETERS << 8) | EXTENDED_PARAMETERS)
      w.u16(list.length + 3)
      w.u8(CAPABILITIES_PARAMETER)
      w.u16(list.length)
    } else if (list.length === 0) w.u8(0)
    else {
      w.u8(list.length + 2)
      w.u8(CAPABILITIES_PARAMETER)
      w.u8(list.length)
    }
    w.bytes(list.view())
  })
  return w.copy()
}
