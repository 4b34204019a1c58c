import { formatIp, IPV4_LENGTH, IPV6_LENGTH, type Ip } from '../../values/address.ts'
import { hex } from '../../values/bytes.ts'
import { AttributeCode, PmsiTunnelType } from '../constants.ts'
import { Malformed } from '../errors.ts'
import { labelFields, labelOf } from '../values/label.ts'
import { type AttributeCodec, OPTIONAL_TRANSITIVE, withdraw } from './codec.ts'
import type { PmsiTunnel } from './values.ts'

const TYPE_NAMES = [
  'none',
  'RSVP-TE P2MP',
  'mLDP P2MP',
  'PIM-SSM',
  'PIM-SM',
  'BIDIR-PIM',
  'ingress replication',
  'mLDP MP2MP',
]

/** PMSI_TUNNEL (RFC 6514 §5). */
export const pmsiTunnel: AttributeCodec<'pmsiTunnel', PmsiTunnel> = {
  code: AttributeCode.PmsiTunnel,
  field: 'pmsiTunnel',
  name: 'PMSI_TUNNEL',
  shownAs: 'pmsi-tunnel',
  flags: OPTIONAL_TRANSITIVE,
  onError: withdraw,
  decode(r) {
    const tunnel = { flags: r.u8(), tunnelType: r.u8(), label: r.u24(), tunnelId: r.rest() }
    const length = tunnel.tunnelId.length
    if (
      tunnel.tunnelType === PmsiTunnelType.IngressReplication &&
      length !== IPV4_LENGTH &&
      length !== IPV6_LENGTH
    ) {
      throw new Malformed(`ingress replication with an endpoint of ${length} bytes`)
    }
    return tunnel
  },
  encode(w, { flags, tunnelType, label, tunnelId }) {
    w.u8(flags)
    w.u8(tunnelType)
    w.u24(label)
    w.octets(tunnelId)
  },
  format({ flags, tunnelType, label, tunnelId }) {
    const ingressReplication = tunnelType === PmsiTunnelType.IngressReplication
    const type = ingressReplication ? 'ingressreplication' : `type-${tunnelType}`
    const endpoint = ingressReplication ? formatIp(tunnelId as Ip) : hex(tunnelId)
    return `pmsi:${type}:${flags}:${labelOf(label)}(${label}):${endpoint}`
  },
  describe({ flags, tunnelType, label, tunnelId }) {
    const ingressReplication = tunnelType === PmsiTunnelType.IngressReplication
    return {
      tunnel_type: TYPE_NAMES[tunnelType] ?? String(tunnelType),
      flags,
      ...labelFields(label),
      ...(ingressReplication ? { endpoint: formatIp(tunnelId as Ip) } : { tunnel_id: hex(tunnelId) }),
    }
  },
}

/** The tunnel endpoint for ingress replication; undefined when the tunnel is of another kind. */
export function ingressReplicationEndpoint({ tunnelType, tunnelId }: PmsiTunnel): Ip | undefined {
  return tunnelType === PmsiTunnelType.IngressReplication ? (tunnelId as Ip) : undefined
}
