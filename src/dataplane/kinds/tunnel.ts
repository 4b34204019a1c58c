import { type Ip, isIpv4 } from '../../values/address.ts'
import type { LinkDefinition } from './definition.ts'
import { ip, name, natural, nullable, oneOf } from './field.ts'

/** What labelled packets cross an IP network in: GRE (RFC 4023) or UDP (RFC 7510). */
export type Encapsulation = 'gre' | 'udp'

/** A tunnel of ours that carries MPLS to one other provider edge, and takes labelled packets from it; in UDP only where there is a `udp-port`. */
export interface MplsTunnel {
  readonly kind: 'tunnel'
  readonly device: string
  readonly alias: string
  readonly encapsulation: Encapsulation
  /** Both of one family. */
  readonly local: Ip
  /** Null: nobody in particular; it takes packets of all that have no tunnel of their own, and sends none. */
  readonly remote: Ip | null
  /** Null: what the underlay has room for. */
  readonly mtu: number | null
  /** The interface that its packets leave by; null where nobody knows: the MTU is then what Linux makes of the way to `remote`. */
  readonly underlay: string | null
}

/** Kinds of links over IPv4 and over IPv6. */
const KERNEL_KINDS = { gre: ['gre', 'ip6gre'], udp: ['ipip', 'ip6tnl'] } as const

export const tunnel: LinkDefinition<MplsTunnel> = {
  kind: 'tunnel',
  role: 'link',
  fields: {
    device: name,
    alias: name,
    encapsulation: oneOf('gre', 'udp'),
    local: ip,
    remote: nullable(ip),
    mtu: nullable(natural),
    underlay: nullable(name),
  },
  identity: ({ device }) => `link ${device}`,
  kernelKind({ encapsulation, local }) {
    const [ipv4, ipv6] = KERNEL_KINDS[encapsulation]
    return isIpv4(local) ? ipv4 : ipv6
  },
  isSuch: ({ local, remote, encapsulation }, actual) =>
    actual.local === local && actual.peer === remote && actual.encapsulation === encapsulation,
}
