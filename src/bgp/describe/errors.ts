import { attributeCodec } from '../attribute/index.ts'
import type { QuarantinedNlri } from '../attribute/mp.ts'
import { notificationName } from '../constants.ts'
import {
  type Finding,
  findingToNotification,
  type Notification,
  type SessionError,
  type Severity,
} from '../errors.ts'
import { familyName } from '../family.ts'
import { titleOf } from './attribute-names.ts'
import {
  DESCRIBED_SEVERITIES,
  type DescribedSeverity,
  type ErrorDescription,
  type NotificationName,
} from './description.ts'

const SEVERITY_NAMES: Readonly<Record<Severity, DescribedSeverity>> = {
  discard: 'discard',
  withdraw: 'treat-as-withdraw',
  reset: 'reset',
}

export function describeFinding(finding: Finding): ErrorDescription {
  const { severity, attribute, reason, data } = finding
  return {
    severity: SEVERITY_NAMES[severity],
    reason: attribute === null ? reason : `${titleOf(attribute)}: ${withoutName(reason, attribute)}`,
    notification: nameNotification(findingToNotification(finding)),
    bytes: toHex(data),
  }
}

/** The reason without the name of the attribute. */
function withoutName(reason: string, attribute: number): string {
  return reason.replace(`${attributeCodec(attribute)?.name}: `, '')
}

export function describeQuarantined({ family, reason, bytes }: QuarantinedNlri): ErrorDescription {
  return {
    severity: 'quarantine',
    reason: `${familyName(family)} route: ${reason}`,
    notification: null,
    bytes: toHex(bytes),
  }
}

export function describeSessionError({ message, notification }: SessionError): ErrorDescription {
  return {
    severity: 'reset',
    reason: message,
    notification: nameNotification(notification),
    bytes: toHex(notification.data),
  }
}

/** An error without further consequence. */
export function describeIgnored(reason: string, bytes: Uint8Array): ErrorDescription {
  return { severity: 'discard', reason, notification: null, bytes: toHex(bytes) }
}

/** The strongest of several reactions. */
export function verdictOf(errors: readonly ErrorDescription[]): DescribedSeverity | null {
  const ranks = errors.map(({ severity }) => DESCRIBED_SEVERITIES.indexOf(severity))
  return DESCRIBED_SEVERITIES[Math.max(-1, ...ranks)] ?? null
}

export function nameNotification({ code, subcode }: Omit<Notification, 'data'>): NotificationName {
  return { code, subcode, name: notificationName(code, subcode) }
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
