import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'

/** Direction of a port's traffic: `to-port` needs no ingress, `from-port` is never advertised. */
export type Direction = 'both' | 'to-port' | 'from-port'

/** A MAC address, with an IP address or without, behind a local port. */
export interface EvpnEndpoint {
  readonly mac: Mac
  readonly ip: Ip | null
  readonly port: string
  readonly direction: Direction
  /** The MAC address is static: peers must not treat it as moved (RFC 7432 §15.2). */
  readonly sticky: boolean
  /** LOCAL_PREF of its routes; null is the default. */
  readonly localPref: number | null
}
