import { CeaseSubcode, ErrorCode, HeaderSubcode, OpenSubcode, UpdateSubcode } from '../constants.ts'
import { DEFAULT_CONTEXT } from '../context.ts'
import { Malformed, type Notification } from '../errors.ts'
import { familyName, familyOf } from '../family.ts'
import { decodeNotification, shutdownText } from '../message/notification.ts'
import { Reader } from '../wire/reader.ts'
import { titleOf } from './attribute-names.ts'
import { describeAttributes } from './attributes.ts'
import { describeCapabilities } from './capability.ts'
import type { CapabilityDescription, ErrorDescription, NotificationDescription } from './description.ts'
import { describeIgnored, nameNotification, toHex, verdictOf } from './errors.ts'

/** Describes a NOTIFICATION, header included; the framer has checked its minimum length. */
export function describeNotification(bytes: Buffer): NotificationDescription {
  const notification = decodeNotification(bytes)
  const errors: ErrorDescription[] = []
  const content = describeContent(notification, errors)
  return {
    type: 'NOTIFICATION',
    length: bytes.length,
    ...content,
    details: null,
    ...(notification.data.length === 0 ? {} : meaningOf(notification, errors)),
    verdict: verdictOf(errors),
    errors,
  }
}

type Content = Pick<NotificationDescription, 'code' | 'subcode' | 'name' | 'text' | 'data'>

function describeContent(notification: Notification, errors: ErrorDescription[]): Content {
  const text = shutdownText(notification) ?? null
  const { code, subcode, data } = notification
  const carriesText =
    code === ErrorCode.Cease &&
    (subcode === CeaseSubcode.AdministrativeShutdown || subcode === CeaseSubcode.AdministrativeReset)
  if (carriesText && text === null && (data[0] ?? 0) > 0)
    errors.push(describeIgnored('the text is not UTF-8 of the length it states (RFC 9003 §2)', data))
  return { ...nameNotification(notification), text, data: toHex(data) }
}

type Meaning = Partial<Pick<NotificationDescription, 'details' | 'capabilities' | 'attributes'>>

/** The meaning of the data (RFC 4271 §6, RFC 4486 §4, RFC 5492 §5, RFC 8538 §3.1), where it is known. */
function meaningOf({ code, subcode, data }: Notification, errors: ErrorDescription[]): Meaning {
  const r = new Reader(data)
  try {
    switch (`${code}/${subcode}`) {
      case `${ErrorCode.MessageHeader}/${HeaderSubcode.BadMessageLength}`:
        return { details: { length: r.u16() } }
      case `${ErrorCode.MessageHeader}/${HeaderSubcode.BadMessageType}`:
        return { details: { message_type: r.u8() } }
      case `${ErrorCode.OpenMessage}/${OpenSubcode.UnsupportedVersionNumber}`:
        return { details: { supported_version: r.u16() } }
      case `${ErrorCode.OpenMessage}/${OpenSubcode.UnsupportedCapability}`: {
        const capabilities: CapabilityDescription[] = []
        describeCapabilities(r, capabilities, errors)
        return { capabilities }
      }
      case `${ErrorCode.UpdateMessage}/${UpdateSubcode.MissingWellKnownAttribute}`:
        return { details: { attribute: titleOf(r.u8()) } }
      case `${ErrorCode.Cease}/${CeaseSubcode.MaximumPrefixes}`:
        return { details: { family: familyName(familyOf(r.u16(), r.u8())), maximum_prefixes: r.u32() } }
      case `${ErrorCode.Cease}/${CeaseSubcode.HardReset}`:
        return {
          details: {
            ...describeContent({ code: r.u8(), subcode: r.u8(), data: r.copy(r.pos, r.end) }, errors),
          },
        }
    }
    if (code !== ErrorCode.UpdateMessage) return {}
    const attributes = describeAttributes(r, DEFAULT_CONTEXT)
    return attributes.length === 0 ? {} : { attributes }
  } catch (error) {
    if (error instanceof Malformed) return {}
    throw error
  }
}
