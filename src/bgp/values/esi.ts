import { hex, type Octets } from '../../values/bytes.ts'

/** An Ethernet segment identifier: its 10 octets (RFC 7432 §5). */
export type Esi = Octets & { readonly esi: unique symbol }

export const ESI_LENGTH = 10
/** A single-homed site. */
export const ZERO_ESI = '\0'.repeat(ESI_LENGTH) as Esi

/** Ten octets with colons; null for none. */
export function esiField(esi: Esi): string | null {
  return esi === ZERO_ESI ? null : formatEsi(esi)
}

/** Ten octets with colons; `-` for none, as bagpipe-bgp shows it. */
export function formatEsi(esi: Esi): string {
  return esi === ZERO_ESI ? '-' : (hex(esi).match(/../g) ?? []).join(':')
}
