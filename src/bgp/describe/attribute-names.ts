/** IANA "BGP Path Attributes". */
const NAMES: Readonly<Record<number, string>> = {
  1: 'ORIGIN',
  2: 'AS_PATH',
  3: 'NEXT_HOP',
  4: 'MULTI_EXIT_DISC',
  5: 'LOCAL_PREF',
  6: 'ATOMIC_AGGREGATE',
  7: 'AGGREGATOR',
  8: 'COMMUNITIES',
  9: 'ORIGINATOR_ID',
  10: 'CLUSTER_LIST',
  14: 'MP_REACH_NLRI',
  15: 'MP_UNREACH_NLRI',
  16: 'EXTENDED COMMUNITIES',
  17: 'AS4_PATH',
  18: 'AS4_AGGREGATOR',
  20: 'CONNECTOR',
  22: 'PMSI_TUNNEL',
  23: 'TUNNEL_ENCAPSULATION',
  24: 'TRAFFIC ENGINEERING',
  25: 'IPV6 EXTENDED COMMUNITIES',
  26: 'AIGP',
  27: 'PE DISTINGUISHER LABELS',
  29: 'BGP-LS',
  32: 'LARGE_COMMUNITY',
  33: 'BGPSEC_PATH',
  34: 'COMMUNITY CONTAINER',
  35: 'ONLY_TO_CUSTOMER',
  36: 'D-PATH',
  37: 'SFP',
  38: 'BFD DISCRIMINATOR',
  39: 'NEXT HOP DEPENDENT CAPABILITIES',
  40: 'PREFIX_SID',
  128: 'ATTR_SET',
}

export function attributeName(code: number): string {
  return NAMES[code] ?? 'unknown attribute'
}

/** Name and code, as in `AS_PATH (2)`. */
export function titleOf(code: number): string {
  return `${attributeName(code)} (${code})`
}
