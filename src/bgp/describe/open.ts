import { formatIp, ipv4FromNumber } from '../../values/address.ts'
import { HEADER_LENGTH } from '../constants.ts'
import { Malformed, SessionError } from '../errors.ts'
import { IPV4_UNICAST } from '../family.ts'
import { decodeOpen, type Open, readParameters } from '../message/open.ts'
import { refusal } from '../session/negotiate.ts'
import { Reader } from '../wire/reader.ts'
import { describeCapabilities } from './capability.ts'
import type { CapabilityDescription, ErrorDescription, OpenDescription } from './description.ts'
import { describeSessionError, verdictOf } from './errors.ts'

/** Describes an OPEN, header included; the framer has checked its minimum length. */
export function describeOpen(bytes: Buffer): OpenDescription {
  const errors: ErrorDescription[] = []
  const r = new Reader(bytes, HEADER_LENGTH)
  const version = r.u8()
  const as = r.u16()
  const holdTimeSeconds = r.u16()
  const identifier = r.u32()
  const capabilities: CapabilityDescription[] = []
  const open = read(bytes, errors)
  try {
    readParameters(r, (parameter) => describeCapabilities(parameter, capabilities, errors))
  } catch (error) {
    if (!(error instanceof Malformed || error instanceof SessionError)) throw error
  }
  return {
    type: 'OPEN',
    length: bytes.length,
    version,
    as: open?.as ?? as,
    hold_time_seconds: holdTimeSeconds,
    identifier: formatIp(ipv4FromNumber(identifier)),
    capabilities,
    verdict: verdictOf(errors),
    errors,
  }
}

/** The OPEN as a session reads it; null, with an error, when every speaker would refuse it. */
function read(bytes: Buffer, errors: ErrorDescription[]): Open | null {
  try {
    const open = decodeOpen(bytes)
    const refused = refusal(
      acceptable(open, ~open.identifier >>> 0),
      open.as,
      acceptable(open, open.identifier),
    )
    if (refused !== null) throw refused
    return open
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    errors.push(describeSessionError(error))
    return null
  }
}

/** With one family on both sides, so that only the fixed part can be refused. */
function acceptable(open: Open, identifier: number): Open {
  return { ...open, identifier, capabilities: { ...open.capabilities, families: [IPV4_UNICAST] } }
}
