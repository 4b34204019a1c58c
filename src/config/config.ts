import { resolve } from 'node:path'
import { type InterfaceAddress, type Ip, parseInterfaceAddress, parseIp } from '../values/address.ts'
import type { Settings } from './schema.ts'

/** The daemon's configuration in native values. */
export type Config = ReturnType<typeof toConfig>

export function toConfig(settings: Settings) {
  const { BGP, API, DATAPLANE_DRIVER_EVPN: evpn, DATAPLANE_DRIVER_IPVPN: ipvpn, DEFAULT } = settings
  return {
    bgp: {
      localAddress: ip(BGP.local_address),
      identifier: ip(BGP.router_id ?? BGP.local_address),
      peers: BGP.peers.map(ip),
      asNumber: BGP.my_as,
      routeTargetConstraint: BGP.enable_rtc,
      /** TCP port of the peers. */
      peerPort: BGP.bgp_port,
      /** 0: no keepalives and no hold timer. */
      holdTimeSeconds: BGP.hold_time,
      connectRetrySeconds: BGP.connect_retry_time,
      /** 0: peers are not asked to keep our routes. */
      gracefulRestartSeconds: BGP.graceful_restart_time,
      /** 0: without a peer there are no routes. */
      headlessSeconds: BGP.headless_time,
      reflector: BGP.reflector,
      /** Networks, as an address in them with their prefix length. */
      reflectorClients: BGP.reflector_clients.map(network),
      /** TCP port on which sessions are accepted; null when they are not. */
      listenPort: BGP.listen ? BGP.listen_port : null,
    },
    api: { host: API.host, port: API.port },
    evpn: {
      driver: evpn.dataplane_driver,
      localAddress: ip(evpn.dataplane_local_address ?? BGP.local_address),
      /** UDP destination port. */
      vxlanPort: evpn.vxlan_dst_port,
    },
    ipvpn: {
      driver: ipvpn.dataplane_driver,
      localAddress: ip(ipvpn.dataplane_local_address ?? BGP.local_address),
      /** `*gre*` stands for a GRE tunnel to each node; null when not given. */
      mplsInterface: ipvpn.mpls_interface ?? null,
    },
    /** Path of the state file; null for none. */
    stateFile: DEFAULT.state_file || null,
    log: { debug: DEFAULT.debug, file: logFile(DEFAULT.log_file, DEFAULT.log_dir) },
    /** The options by section, as the looking glass shows them at `config`. */
    effective: effective(settings),
  } as const
}

/** Path of the log; null for standard output. */
function logFile(file: string | undefined, directory: string | undefined): string | null {
  if (!directory) return file || null
  return resolve(directory, file || 'chanter.log')
}

function effective({ DEFAULT: _, ...shown }: Settings) {
  return shown
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
