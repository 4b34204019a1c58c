import { resolve } from 'node:path'
import { formatIp } from '../values/address.ts'
import type { RotationUnit } from './log-options.ts'
import { PEER_SECTION, type PeerSettings, type Settings } from './schema.ts'
import { formatNetwork } from './types.ts'

/** The daemon's configuration in native values. */
export type Config = ReturnType<typeof toConfig>

/** Settings of peers and of prefixes of peers, by their name in the configuration. */
export interface Peers {
  /** The options of all peers. */
  readonly settings: ReadonlyMap<string, PeerSettings>
  /** Those with a section of their own. */
  readonly sections: readonly string[]
}

type ShownSections = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Options in their displayed form: by section, and by the name of a peer or of a prefix of peers. */
export interface ShownOptions {
  readonly sections: ShownSections
  readonly peers: ShownSections
}

/** `named`: the sections in which a driver is named. */
export function toConfig(
  settings: Settings,
  peers: Peers,
  shown: ShownOptions,
  named: (section: 'DATAPLANE_DRIVER_EVPN' | 'DATAPLANE_DRIVER_IPVPN') => boolean,
  warnings: readonly string[],
) {
  const { BGP, API, DATAPLANE_DRIVER_EVPN: evpn, DATAPLANE_DRIVER_IPVPN: ipvpn, DEFAULT } = settings
  const md5Keys = [BGP, ...peers.settings.values()].map(({ md5_key_file: file }) => file?.path)
  const keyFiles = [...md5Keys, API.token_file?.path, API.tls_key_file?.path].filter(
    (path) => typeof path === 'string',
  )
  return {
    /** Files that hold keys. */
    keyFiles,
    bgp: bgpConfig(BGP, peers),
    api: apiConfig(API),
    evpn: evpnConfig(evpn, BGP),
    ipvpn: ipvpnConfig(ipvpn, BGP),
    /** The types of VPN whose routes are asked of peers: beside a driver in the kernel, a dummy has to be named. */
    serves: {
      evpn: ipvpn.dataplane_driver !== 'linux' || named('DATAPLANE_DRIVER_EVPN'),
      ipvpn: evpn.dataplane_driver !== 'linux' || named('DATAPLANE_DRIVER_IPVPN'),
    },
    usesKernel: evpn.dataplane_driver === 'linux' || ipvpn.dataplane_driver === 'linux',
    /** Path of the state file; null for none. */
    stateFile: DEFAULT.state_file,
    /** 0: never. */
    resyncSeconds: DEFAULT.resync_interval,
    forwardingThread: DEFAULT.forwarding_thread,
    log: log(DEFAULT),
    shown,
    /** The options by section, as the looking glass shows them at `config`. */
    effective: effective(shown, peers.sections),
    /** Mistakes that do not keep the daemon from starting, a sentence each. */
    warnings,
  } as const
}

function bgpConfig(BGP: Settings['BGP'], peers: Peers) {
  return {
    localAddress: BGP.local_address,
    identifier: BGP.router_id ?? BGP.local_address,
    asNumber: BGP.my_as,
    routeTargetConstraint: BGP.enable_rtc,
    /** 0: peers are not asked to keep our routes. */
    gracefulRestartSeconds: BGP.graceful_restart_time,
    /** 0: routes are removed when there is no peer. */
    headlessSeconds: BGP.headless_time,
    /** 0: withdrawn routes are removed at once. */
    vanishedSeconds: BGP.vanished_time,
    reflector: BGP.reflector,
    peers: BGP.peers.map((address) => ({
      address,
      ...peer(peers.settings.get(formatIp(address)), BGP),
    })),
    /** Prefixes of dynamic peers: an address in each, with its prefix length. */
    dynamicPeers: BGP.reflector_clients.map((network) => ({
      network,
      ...peer(peers.settings.get(formatNetwork(network)), BGP),
    })),
    /** Prefixes of other nodes' VTEPs and provider edges; none: they may be anywhere. */
    vtepNetworks: BGP.vtep_networks,
    /** TCP port on which sessions are accepted; null when they are not. */
    listenPort: BGP.listen ? BGP.listen_port : null,
  } as const
}

function evpnConfig(evpn: Settings['DATAPLANE_DRIVER_EVPN'], BGP: Settings['BGP']) {
  return {
    driver: evpn.dataplane_driver,
    localAddress: evpn.dataplane_local_address ?? BGP.local_address,
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
  } as const
}

function ipvpnConfig(ipvpn: Settings['DATAPLANE_DRIVER_IPVPN'], BGP: Settings['BGP']) {
  return {
    driver: ipvpn.dataplane_driver,
    localAddress: ipvpn.dataplane_local_address ?? BGP.local_address,
    /** A dummy needs no interface of its own. */
    transport: ipvpn.mpls_interface ?? { interface: 'lo' },
    fromAnyone: ipvpn.tunnels_from_anyone,
    /** Whether chanter may change the order of routing rules. */
    managesRules: ipvpn.vrf_rules,
    ranges: {
      /** First and last. */
      labels: ipvpn.label_range,
      tables: ipvpn.table_range,
      vrfPrefix: ipvpn.vrf_prefix,
    },
  } as const
}

function apiConfig(API: Settings['API']) {
  const { host, port, socket, tls_cert_file: certificate, tls_key_file: key } = API
  return {
    /** Null: on no address, but on the socket. */
    host,
    port,
    socket:
      socket === null ? null : { path: resolve(socket), mode: API.socket_mode, group: API.socket_group },
    /** What clients have to present that do not connect from a loopback address; its JSON is the path. */
    token: API.token_file,
    /** Its JSON is the paths. */
    tls: certificate === null || key === null ? null : { certificate, key, clientCa: API.tls_client_ca_file },
    /** Further names in Host headers. */
    allowedHosts: API.allowed_hosts,
    /** Without credentials, clients on other machines are answered too. */
    unprotected: API.unprotected !== 'no',
    /** Requests of a client on another machine in a second; 0: no limit. */
    requestRate: API.request_rate,
  } as const
}

function effective(
  { sections: { DEFAULT: _, ...sections }, peers }: ShownOptions,
  ofPeers: readonly string[],
): ShownSections {
  return {
    ...sections,
    ...Object.fromEntries(ofPeers.map((name) => [`${PEER_SECTION}${name}`, peers[name] ?? {}])),
  }
}

function log(DEFAULT: Settings['DEFAULT']) {
  return {
    debug: DEFAULT.debug,
    /** Path of the log file; null for none. */
    file: logFile(DEFAULT.log_file, DEFAULT.log_dir),
    rotation: rotation(DEFAULT),
    /** Log to standard error, also beside other destinations. */
    stderr: DEFAULT.use_stderr,
    syslog: DEFAULT.use_syslog,
    journal: DEFAULT.use_journal,
    /** Number of the facility of syslog(3). */
    facility: DEFAULT.syslog_log_facility,
  } as const
}

/** When the log file is replaced by a new one; `files`: how many old ones are kept. */
export type LogRotation =
  | { readonly by: 'none' }
  | { readonly by: 'size'; readonly maxOctets: number; readonly files: number }
  | {
      readonly by: 'interval'
      readonly unit: RotationUnit
      /** How many of the unit; of Weekday the day, 0 for Monday. */
      readonly count: number
      readonly files: number
    }

/** As oslo.log, where a watched file is not rotated. */
function rotation(DEFAULT: Settings['DEFAULT']): LogRotation {
  const files = DEFAULT.max_logfile_count
  if (DEFAULT.watch_log_file || files === 0) return { by: 'none' }
  switch (DEFAULT.log_rotation_type) {
    case 'none':
      return { by: 'none' }
    case 'size': {
      const maxOctets = DEFAULT.max_logfile_size_mb * 2 ** 20
      return maxOctets === 0 ? { by: 'none' } : { by: 'size', maxOctets, files }
    }
    case 'interval':
      return {
        by: 'interval',
        unit: DEFAULT.log_rotate_interval_type,
        count: DEFAULT.log_rotate_interval,
        files,
      }
  }
}

/** Path of the log; null for standard output. A `log_file` that configures the logging of Python does not count. */
function logFile(file: string | null, directory: string | null): string | null {
  const name = file?.endsWith('.conf') ? null : file
  return directory === null ? name : resolve(directory, name ?? 'chanter.log')
}

function peer(settings: PeerSettings | undefined, BGP: Settings['BGP']) {
  if (settings === undefined) throw new TypeError('a peer without settings')
  return {
    enabled: settings.enabled,
    /** Local address of its sessions. */
    localAddress: settings.local_address,
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
