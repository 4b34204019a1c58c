import { resolve } from 'node:path'
import { type InterfaceAddress, type Ip, parseInterfaceAddress, parseIp } from '../values/address.ts'
import { PEER_SECTION, type PeerSettings, type Settings } from './schema.ts'

/** The daemon's configuration in native values. */
export type Config = ReturnType<typeof toConfig>

/** Settings of peers and of prefixes of peers, by their name in the configuration. */
export interface Peers {
  /** Of all there are. */
  readonly settings: ReadonlyMap<string, PeerSettings>
  /** Those with a section of their own. */
  readonly sections: readonly string[]
}

export function toConfig(settings: Settings, peers: Peers) {
  const { BGP, API, DATAPLANE_DRIVER_EVPN: evpn, DATAPLANE_DRIVER_IPVPN: ipvpn, DEFAULT } = settings
  const keyFiles = [BGP, ...peers.settings.values()].flatMap(({ md5_key_file: file }) =>
    file === null ? [] : [file.path],
  )
  return {
    /** Files that hold keys. */
    keyFiles,
    bgp: {
      localAddress: ip(BGP.local_address),
      identifier: ip(BGP.router_id ?? BGP.local_address),
      asNumber: BGP.my_as,
      routeTargetConstraint: BGP.enable_rtc,
      /** 0: peers are not asked to keep our routes. */
      gracefulRestartSeconds: BGP.graceful_restart_time,
      /** 0: without a peer there are no routes. */
      headlessSeconds: BGP.headless_time,
      /** 0: what is withdrawn is gone at once. */
      vanishedSeconds: BGP.vanished_time,
      reflector: BGP.reflector,
      peers: BGP.peers.map((name) => ({ address: ip(name), ...peer(peers.settings.get(name), BGP) })),
      /** Whoever connects from these networks: an address in each, with its prefix length. */
      dynamicPeers: BGP.reflector_clients.map((name) => ({
        network: network(name),
        ...peer(peers.settings.get(name), BGP),
      })),
      /** Networks of the VTEPs and provider edges of others; none: they may be anywhere. */
      vtepNetworks: BGP.vtep_networks.map(network),
      /** TCP port on which sessions are accepted; null when they are not. */
      listenPort: BGP.listen ? BGP.listen_port : null,
    },
    api: { host: API.host, port: API.port },
    evpn: {
      driver: evpn.dataplane_driver,
      localAddress: ip(evpn.dataplane_local_address ?? BGP.local_address),
      /** UDP destination port. */
      vxlanPort: evpn.vxlan_dst_port,
      mobility: {
        /** 0: never a duplicate. */
        moves: evpn.mac_duplicate_moves,
        windowSeconds: evpn.mac_duplicate_window,
        /** 0: when it is detached. */
        recoverySeconds: evpn.mac_duplicate_recovery,
      },
      /** Null: what the underlay has room for. */
      vxlanMtu: evpn.vxlan_mtu,
      neighSuppress: evpn.neigh_suppress,
      requireIsolation: evpn.require_isolation,
    },
    ipvpn: {
      driver: ipvpn.dataplane_driver,
      localAddress: ip(ipvpn.dataplane_local_address ?? BGP.local_address),
      transport: transport(ipvpn.mpls_interface),
      fromAnyone: ipvpn.tunnels_from_anyone,
      /** Whether the order of routing rules is ours to change. */
      managesRules: ipvpn.vrf_rules,
      ranges: {
        /** First and last. */
        labels: range(ipvpn.label_range),
        tables: range(ipvpn.table_range),
        vrfPrefix: ipvpn.vrf_prefix,
      },
    },
    usesKernel: evpn.dataplane_driver === 'linux' || ipvpn.dataplane_driver === 'linux',
    /** Path of the state file; null for none. */
    stateFile: DEFAULT.state_file || null,
    /** 0: never. */
    resyncSeconds: DEFAULT.resync_interval,
    forwardingThread: DEFAULT.forwarding_thread,
    log: { debug: DEFAULT.debug, file: logFile(DEFAULT.log_file, DEFAULT.log_dir) },
    /** The options by section, as the looking glass shows them at `config`. */
    effective: effective(settings, peers),
  } as const
}

/** How labelled packets leave; a dummy needs no interface of its own. */
function transport(given: string | undefined): { interface: string } | { tunnels: 'gre' | 'udp' } {
  if (given?.includes('*gre*')) return { tunnels: 'gre' }
  if (given?.includes('*udp*')) return { tunnels: 'udp' }
  return { interface: given ?? 'lo' }
}

/** First and last of a range. */
function range(text: string): readonly [number, number] {
  const [first = 0, last = 0] = text.split('-').map(Number)
  return [first, last]
}

/** Path of the log; null for standard output. */
function logFile(file: string | undefined, directory: string | undefined): string | null {
  if (!directory) return file || null
  return resolve(directory, file || 'chanter.log')
}

function effective({ DEFAULT: _, ...shown }: Settings, { settings, sections }: Peers) {
  const ofPeers = sections.map((name) => [`${PEER_SECTION}${name}`, settings.get(name)])
  return { ...shown, ...Object.fromEntries(ofPeers) }
}

function peer(settings: PeerSettings | undefined, BGP: Settings['BGP']) {
  if (settings === undefined) throw new TypeError('a peer without settings')
  return {
    enabled: settings.enabled,
    /** Address that its sessions start from. */
    localAddress: ip(settings.local_address),
    as: settings.peer_as ?? BGP.my_as,
    external: settings.ebgp_policy,
    passive: settings.passive,
    port: settings.bgp_port,
    /** 0: no keepalives and no hold timer. */
    holdTimeSeconds: settings.hold_time,
    connectRetrySeconds: settings.connect_retry_time,
    routeTargetConstraint: settings.enable_rtc,
    reflectorClient: settings.reflector_client ?? BGP.reflector,
    md5Key: settings.md5_key_file?.key ?? null,
    ttlSecurityHops: settings.ttl_security_hops,
    maxPrefixes: settings.max_prefixes,
    addPath: settings.add_path,
  }
}

function network(text: string): InterfaceAddress {
  const parsed = parseInterfaceAddress(text)
  if (parsed === undefined) throw new TypeError(`the schema let ${text} through as a prefix`)
  return parsed
}

function ip(text: string): Ip {
  const parsed = parseIp(text)
  if (parsed === undefined) throw new TypeError(`the schema let ${text} through as an address`)
  return parsed
}
