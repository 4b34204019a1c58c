import type { Endpoint } from '../values/endpoint.ts'

/** An endpoint of an EVPN instance. */
export interface EvpnEndpoint extends Endpoint {
  /** The MAC address is static: peers must not treat it as moved (RFC 7432 §15.2). */
  readonly sticky: boolean
}
