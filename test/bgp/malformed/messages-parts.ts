import { expect } from 'vitest'
import { MP_REACH, message, octet, TARGET, update, WELL_KNOWN } from '../../support/update-bytes.ts'
import { type Case, dropped } from './cases.ts'
import type { Field } from './field.ts'

export const NOTIFICATION = 3
export const GOOD = update(MP_REACH + WELL_KNOWN + TARGET)

export const notification = (code: number, subcode: number, data = ''): Buffer =>
  message(NOTIFICATION, octet(code) + octet(subcode) + data)

const lastError = (field: Field): string | null => field.bgpPeer().sessions.lastError

export function received(rfc: string, sent: string, bytes: Buffer, error: string): Case {
  return dropped(rfc, sent, 'Established', bytes, (field) =>
    expect(lastError(field)).toBe(`received ${error}`),
  )
}
