import type { Ip } from './address.ts'
import type { Mac } from './mac.ts'

/** Direction of a port's traffic. `to-port`: it may not send into an IP VPN. `from-port`: it is not reached, and not advertised. */
export type Direction = 'both' | 'to-port' | 'from-port'

/** A MAC address, with an IP address or without, behind a local port. */
export interface Endpoint {
  readonly mac: Mac
  readonly ip: Ip | null
  readonly port: string
  readonly direction: Direction
  /** LOCAL_PREF of its routes; null is the default. */
  readonly localPref: number | null
}
