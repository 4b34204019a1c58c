import { CeaseSubcode, ErrorCode, HEADER_LENGTH, MessageType, notificationName } from '../constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../context.ts'
import { type Notification, notification } from '../errors.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { writeMessage } from './header.ts'
import { utf8 } from './text.ts'

const MAX_TEXT_LENGTH = 255

/** Decodes a NOTIFICATION, header included; the framer has checked its minimum length. */
export function decodeNotification(message: Uint8Array): Notification {
  const r = new Reader(message, HEADER_LENGTH)
  const code = r.u8()
  const subcode = r.u8()
  return { code, subcode, data: r.copy(r.pos, r.end) }
}

/** Truncates data that exceeds the peer's message size: the codes must arrive. */
export function encodeNotification(
  { code, subcode, data }: Notification,
  { maxMessageLength }: SessionContext = DEFAULT_CONTEXT,
): Buffer {
  const w = new Writer(64 + data.length)
  writeMessage(w, MessageType.Notification, () => {
    w.u8(code)
    w.u8(subcode)
    w.bytes(data.subarray(0, maxMessageLength - HEADER_LENGTH - 2))
  })
  return w.copy()
}

/** A Cease with a text for the peer's operators, truncated to fit (RFC 9003 §2). */
export function ceaseWithText(subcode: number, text: string): Notification {
  const bytes = utf8(text, MAX_TEXT_LENGTH)
  const data = text === '' ? new Uint8Array(0) : Buffer.concat([Uint8Array.of(bytes.length), bytes])
  return notification(ErrorCode.Cease, subcode, data)
}

/** Turns a Cease into one after which the peer keeps no routes of ours, though graceful restart would let it (RFC 8538 §3). */
export function hardReset({ code, subcode, data }: Notification): Notification {
  const wrapped = Buffer.concat([Uint8Array.of(code, subcode), data])
  return notification(ErrorCode.Cease, CeaseSubcode.HardReset, wrapped)
}

/** The NOTIFICATION inside a hard reset (RFC 8538 §3.1); undefined for other NOTIFICATIONs. */
function hardResetCause({ code, subcode, data }: Notification): Notification | undefined {
  const [innerCode, innerSubcode] = data
  if (code !== ErrorCode.Cease || subcode !== CeaseSubcode.HardReset) return undefined
  if (innerCode === undefined || innerSubcode === undefined) return undefined
  return notification(innerCode, innerSubcode, data.subarray(2))
}

/** The text of a shutdown or reset (RFC 9003 §2); undefined when there is none or it is not UTF-8 of the stated length. */
export function shutdownText({ code, subcode, data }: Notification): string | undefined {
  const carriesText =
    subcode === CeaseSubcode.AdministrativeShutdown || subcode === CeaseSubcode.AdministrativeReset
  const length = data[0]
  if (
    code !== ErrorCode.Cease ||
    !carriesText ||
    length === undefined ||
    length === 0 ||
    length + 1 > data.length
  )
    return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(1, 1 + length))
  } catch {
    return undefined
  }
}

/** Code, subcode and any text, in words. */
export function formatNotification(received: Notification): string {
  const cause = hardResetCause(received)
  return cause === undefined
    ? formatOne(received)
    : `${notificationName(received.code, received.subcode)} for ${formatOne(cause)}`
}

function formatOne(received: Notification): string {
  const text = shutdownText(received)
  return (
    notificationName(received.code, received.subcode) +
    (text === undefined ? '' : `: ${JSON.stringify(text)}`)
  )
}
