import { formatIp, type Ip } from '../../values/address.ts'
import type { TableDefinition } from './definition.ts'
import { ip, oneOf } from './field.ts'

/** UDP destination port of MPLS in UDP (RFC 7510 §3). */
export const MPLS_UDP_PORT = 6635

/** Decapsulates UDP packets to port 6635 of this address as MPLS; undone only by the process that did it. */
export interface UdpPort {
  readonly kind: 'udp-port'
  /** It belongs to the node, not to an interface. */
  readonly device: 'lo'
  readonly ip: Ip
}

export const udpPort = {
  kind: 'udp-port',
  role: 'table',
  vpn: 'ipvpn',
  fields: { device: oneOf('lo'), ip },
  identity: (entry) => `udp-port ${MPLS_UDP_PORT} of ${formatIp(entry.ip)}`,
  isMarked: false,
  layout: () => ({
    key: (entry) => entry.ip,
    value: () => true,
    entry: (_device, key) => ({ kind: 'udp-port', device: 'lo', ip: key }),
    same: () => true,
  }),
} satisfies TableDefinition<UdpPort, Ip, true>
