import {
  EVPN,
  type Family,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../bgp/family.ts'
import type { Prefix } from '../bgp/nlri/prefix.ts'
import { PEER_DEFAULTS } from '../bgp/session/peer-config.ts'
import { SPEAKER_DEFAULTS, type SpeakerConfig } from '../bgp/speaker-config.ts'
import type { KeyFile } from '../config/key-file.ts'
import { ANY_IPV6, type Ip, isIpv4, isUnspecified } from '../values/address.ts'

export interface ReflectorConfig {
  readonly as: number
  readonly identifier: Ip
  readonly clusterId: Ip
  readonly listenAddress: Ip
  readonly listenPort: number
  /** Peers that connect from here are clients. */
  readonly clients: readonly Prefix[]
  readonly clientLimit: number
  /** Other reflectors, to which it connects. */
  readonly peers: readonly Ip[]
  readonly holdTimeSeconds: number
  /** Where the looking glass listens; null for none. */
  readonly api: {
    readonly host: string
    readonly port: number
    /** Without a token, clients on other machines are answered too. */
    readonly unprotected: boolean
  } | null
}

/** What is read of files. */
export interface ReflectorSecrets {
  /** Key of TCP MD5 signatures for all peers; null for none. */
  readonly md5: KeyFile | null
  /** The token of the looking glass; null for none. */
  readonly token: KeyFile | null
}

/** Every family with route targets, and that of memberships. */
const FAMILIES: readonly Family[] = [VPNV4, VPNV6, EVPN, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6, ROUTE_TARGET]

export function speakerConfig(
  { as, identifier, peers, clients, ...config }: ReflectorConfig,
  { md5 }: ReflectorSecrets,
): SpeakerConfig {
  const { listenAddress, listenPort, clusterId, clientLimit: limit, holdTimeSeconds } = config
  const common = { ...PEER_DEFAULTS, as, families: FAMILIES, holdTimeSeconds, md5Key: md5?.key ?? null }
  const template = { ...common, reflectorClient: true }
  return {
    ...SPEAKER_DEFAULTS,
    as,
    identifier,
    localAddress: identifier,
    listenAddress,
    listenPort,
    clusterId,
    peers: peers.map((address) => ({
      ...common,
      address,
      localAddress: sourceFor(address, listenAddress, identifier),
    })),
    dynamicPeers: clients.map((prefix) => ({ prefix, template, limit })),
  }
}

/** Whether clients of a prefix can connect to an address; `::` takes IPv4 too. */
export function canConnect({ ip }: Prefix, listenAddress: Ip): boolean {
  return listenAddress === ANY_IPV6 || isIpv4(listenAddress) === isIpv4(ip)
}

/** Where sessions that it opens come from. An IPv6 address of the machine is known by `listenAddress` alone: without one the kernel chooses. */
function sourceFor(peer: Ip, listenAddress: Ip, identifier: Ip): Ip {
  if (!isUnspecified(listenAddress) && isIpv4(listenAddress) === isIpv4(peer)) return listenAddress
  return isIpv4(peer) ? identifier : ANY_IPV6
}
