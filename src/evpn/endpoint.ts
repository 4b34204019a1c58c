import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'

/** Traffic that a port takes part in: `to-port` needs no ingress, `from-port` is never advertised. */
export type Direction = 'both' | 'to-port' | 'from-port'

/** A MAC address, with an IP address or without, behind a local port. */
export interface EvpnEndpoint {
  readonly mac: Mac
  readonly ip: Ip | null
  readonly port: string
  readonly direction: Direction
  /** The MAC address does not move: others are told not to believe that it does (RFC 7432 §15.2). */
  readonly sticky: boolean
  /** LOCAL_PREF of its routes; null is the default. */
  readonly localPref: number | null
}
