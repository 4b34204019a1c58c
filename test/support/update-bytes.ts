/** UPDATEs written by hand, octet by octet, for tests that want them broken. */

export const attribute = (flags: number, code: number, value: string): string => {
  const length = value.length / 2
  const extended = length > 255 || (flags & 0x10) !== 0
  return (
    octet(extended ? flags | 0x10 : flags) + octet(code) + (extended ? u16(length) : octet(length)) + value
  )
}

export const octet = (value: number): string => value.toString(16).padStart(2, '0')
export const u16 = (value: number): string => value.toString(16).padStart(4, '0')

export const ORIGIN = attribute(0x40, 1, '00')
export const AS_PATH = attribute(0x40, 2, '')
export const LOCAL_PREF = attribute(0x40, 5, '00000064')
export const TARGET = attribute(0xc0, 16, '0002fc000000000a')
export const WELL_KNOWN = ORIGIN + AS_PATH + LOCAL_PREF

const RD = '00010a0000010007'
/** An EVPN type 3 route of 10.0.0.1. */
export const TYPE3 = `0311${RD}00000000200a000001`
export const MP_REACH = attribute(0x80, 14, `00194604${'0a000001'}00${TYPE3}`)
export const MP_UNREACH = attribute(0x80, 15, `001946${TYPE3}`)

/** A whole message of that type around a body in hex. */
export function message(type: number, body: string, length = 19 + body.length / 2): Buffer {
  return Buffer.from('ff'.repeat(16) + u16(length) + octet(type) + body, 'hex')
}

/** An UPDATE with these attributes; `changes` lie about its lengths or fill the fields of IPv4. */
export function update(
  attributes: string,
  changes: { withdrawn?: string; nlri?: string; withdrawnLength?: number; attributesLength?: number } = {},
): Buffer {
  const { withdrawn = '', nlri = '' } = changes
  const withdrawnLength = changes.withdrawnLength ?? withdrawn.length / 2
  const attributesLength = changes.attributesLength ?? attributes.length / 2
  return message(2, u16(withdrawnLength) + withdrawn + u16(attributesLength) + attributes + nlri)
}
