import { attributeCodec } from '../attribute/index.ts'

/** The attributes of IANA "BGP Path Attributes" that have no codec. */
const UNREAD: Readonly<Record<number, string>> = {
  14: 'MP_REACH_NLRI',
  15: 'MP_UNREACH_NLRI',
  20: 'CONNECTOR',
  24: 'TRAFFIC ENGINEERING',
  26: 'AIGP',
  27: 'PE DISTINGUISHER LABELS',
  29: 'BGP-LS',
  33: 'BGPSEC_PATH',
  34: 'COMMUNITY CONTAINER',
  35: 'ONLY_TO_CUSTOMER',
  36: 'D-PATH',
  37: 'SFP',
  38: 'BFD DISCRIMINATOR',
  39: 'NEXT HOP DEPENDENT CAPABILITIES',
  128: 'ATTR_SET',
}

export function attributeName(code: number): string {
  return attributeCodec(code)?.name ?? UNREAD[code] ?? 'unknown attribute'
}

/** Name and code, as in `AS_PATH (2)`. */
export function titleOf(code: number): string {
  return `${attributeName(code)} (${code})`
}
