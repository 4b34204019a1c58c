/**
 * The 24-bit label field of VPN and EVPN routes. With MPLS it is a label stack entry without TTL: label, TC, bottom of
 * stack (RFC 3107 §3); with VXLAN it is the VNI (RFC 8365 §5.1.3).
 */
export type LabelField = number

export const BOTTOM_OF_STACK = 1
/** Octets of the field. */
export const LABEL_LENGTH = 3

/** Labels 0 to 15 are reserved (RFC 3032 §2.1). */
export const FIRST_LABEL = 16
export const LAST_LABEL = 0xf_ffff
export const LAST_VNI = 0xff_ffff

/** The label field to send in a withdrawn route, where it means nothing (RFC 8277 §2.4). */
export const WITHDRAWN_LABEL: LabelField = 0x80_0000

export function mplsField(label: number): LabelField {
  return (label << 4) | BOTTOM_OF_STACK
}

/** Both readings of the field; the encapsulation decides between them. */
export function labelFields(field: LabelField): { readonly label: number; readonly vni: number } {
  return { label: labelOf(field), vni: field }
}

export function labelOf(field: LabelField): number {
  return field >>> 4
}
