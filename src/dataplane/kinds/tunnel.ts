import { type Ip, isIpv4 } from '../../values/address.ts'
import type { LinkDefinition } from './definition.ts'
import { ip, name, nullable, oneOf } from './field.ts'
import { mtu, tunnelMtuOver, underlay } from './mtu.ts'

/** The encapsulation of labelled packets across an IP network: GRE (RFC 4023) or UDP (RFC 7510). */
export type Encapsulation = 'gre' | 'udp'

/** An owned tunnel that carries MPLS to and from one other provider edge; in UDP only with a `udp-port`. */
export interface MplsTunnel {
  readonly kind: 'tunnel'
  readonly device: string
  readonly alias: string
  readonly encapsulation: Encapsulation
  /** Both of one family. */
  readonly local: Ip
  /** Null: a receive-only tunnel, for packets of all provider edges that have no tunnel of their own. */
  readonly remote: Ip | null
  /** Null: what the underlay has room for. */
  readonly mtu: number | null
  /** The underlay interface; null where it is unknown: Linux then derives the MTU from its path to `remote`. */
  readonly underlay: string | null
}

/** The kernel's link kinds over IPv4 and over IPv6. */
const KERNEL_KINDS = { gre: ['gre', 'ip6gre'], udp: ['ipip', 'ip6tnl'] } as const

export const tunnel = {
  kind: 'tunnel',
  role: 'link',
  vpn: 'ipvpn',
  fields: {
    device: name,
    alias: name,
    encapsulation: oneOf('gre', 'udp'),
    local: ip,
    remote: nullable(ip),
    mtu,
    underlay,
  },
  identity: ({ device }) => `link ${device}`,
  kernelKind({ encapsulation, local }) {
    const [ipv4, ipv6] = KERNEL_KINDS[encapsulation]
    return isIpv4(local) ? ipv4 : ipv6
  },
  isSuch: ({ local, remote, encapsulation }, actual) =>
    actual.local === local && actual.peer === remote && actual.encapsulation === encapsulation,
  traits: ({ local, remote, encapsulation }) => ({ local, peer: remote, encapsulation }),
  localOf: ({ local }) => local,
  remoteOf: ({ remote }) => remote,
  mtuOver: (entry, underlayMtu) => (underlayMtu === undefined ? null : tunnelMtuOver(underlayMtu, entry)),
} satisfies LinkDefinition<MplsTunnel>
