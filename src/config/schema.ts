import * as z from 'zod'
import { API_OPTIONS } from './api-options.ts'
import { logOptions } from './log-options.ts'
import { type Options, option, optionsOfSection, required, unused, unusedGroup } from './option.ts'
import {
  address,
  boolean,
  driver,
  holdTime,
  type Interfaces,
  integer,
  interfaceAddress,
  ipv4Address,
  keyFile,
  listOf,
  mplsTransport,
  oneOf,
  orNone,
  path,
  port,
  prefix,
  range,
  vrfPrefix,
} from './types.ts'

/** Sections that a configuration of bagpipe-bgp may have for its libraries and for Neutron: accepted, not read. */
export const FOREIGN_SECTIONS = [
  ...['privsep', 'oslo_concurrency', 'oslo_messaging_metrics', 'oslo_middleware', 'oslo_policy', 'profiler'],
  ...[
    'AGENT',
    'OVS',
    'bagpipe',
    'bagpipe_ml2_extension',
    'ml2_bagpipe',
    'ml2_bagpipe_extension',
    'sfc_bagpipe',
  ],
]

const asNumber = integer(1, 4_294_967_295)

/** Every section and option with its type, default and description; the values are what the looking glass shows. */
export function configSchema(interfaces: Interfaces) {
  const localAddress = interfaceAddress(interfaces)
  return z.object({
    BGP: z.object({
      local_address: required(
        localAddress,
        'Address of this node: source of its BGP sessions and, where it is IPv4, its `router_id`.',
      ),
      router_id: option(
        ipv4Address,
        null,
        'BGP identifier and part of our RDs, unique among the nodes; `local_address` when not given.',
        { follows: ['BGP', 'local_address'] },
      ),
      peers: option(
        listOf(address, 'IPv4 and IPv6 addresses, separated by commas'),
        [],
        'Route reflectors, or the other nodes of a full mesh.',
      ),
      my_as: required(asNumber, 'Our autonomous system.'),
      peer_as: option(asNumber, null, 'Autonomous system of the peers; `my_as` when not given.', {
        follows: ['BGP', 'my_as'],
      }),
      ebgp_policy: option(
        oneOf('reject', 'accept'),
        'reject',
        'Of peers in another AS: `reject` exchanges no routes with them (RFC 8212), `accept` exchanges all.',
      ),
      enable_rtc: option(
        boolean,
        true,
        'Ask peers only for the routes whose route targets are imported here (RFC 4684).',
      ),
      passive: option(boolean, false, 'Wait for the peers to connect; needs `listen`.'),
      bgp_port: option(port, 179, 'TCP port of the peers.'),
      hold_time: option(holdTime, 90, 'Hold time in seconds that we propose.'),
      listen: option(boolean, true, 'Accept sessions that a peer opens.'),
      listen_port: option(port, 179, 'TCP port on which `listen` accepts sessions.'),
      reflector: option(
        boolean,
        false,
        'Reflect routes (RFC 4456): the peers, and all that connect from `reflector_clients`, are our clients.',
      ),
      reflector_clients: option(
        listOf(prefix, 'prefixes such as 192.0.2.0/24, separated by commas'),
        [],
        'Prefixes from which clients of the reflector may connect without being named in `peers`.',
      ),
      graceful_restart_time: option(
        integer(0, 4095),
        120,
        'Seconds that peers are asked to keep our routes while this daemon restarts (RFC 4724); 0: not at all.',
      ),
      headless_time: option(
        integer(0, 31_536_000),
        86_400,
        'Seconds to forward by stale routes while no session is established (headless); 0: not at all.',
      ),
      vanished_time: option(
        integer(0, 3600),
        15,
        'Seconds that traffic goes on to a remote node whose routes are withdrawn all at once, since it may be restarting; 0: not at all.',
      ),
      connect_retry_time: option(integer(1, 3600), 5, 'Seconds between two attempts to reach a peer.'),
      md5_key_file: option(
        orNone(keyFile),
        null,
        'File with the key of TCP MD5 signatures (RFC 2385); the key itself is shown nowhere.',
      ),
      ttl_security_hops: option(
        orNone(integer(1, 254)),
        null,
        'Refuse packets from peers more hops away than that; they must send with TTL 255 (GTSM, RFC 5082).',
      ),
      max_prefixes: option(
        orNone(integer(1, 4_294_967_295)),
        null,
        'A peer that sends more routes of one family is disconnected until `chanter peer reset`.',
      ),
      vtep_networks: option(
        listOf(prefix, 'prefixes such as 192.0.2.0/24, separated by commas'),
        [],
        'Networks that VTEPs and provider edges are in; when given, a route that points elsewhere is not programmed.',
      ),
      add_path: option(boolean, true, 'Ask peers for all paths of a route, not only their best (RFC 7911).'),
    }),
    API: z.object(API_OPTIONS),
    DATAPLANE_DRIVER_EVPN: z.object({
      dataplane_driver: option(
        driver,
        'dummy',
        '`linux` programs bridges and VXLAN devices; `dummy` only keeps what it would program.',
        { strict: true },
      ),
      dataplane_local_address: option(
        localAddress,
        null,
        'Our VTEP address and the next hop of our routes; `[BGP] local_address` when not given.',
        { follows: ['BGP', 'local_address'] },
      ),
      vxlan_dst_port: option(port, 4789, 'UDP port of VXLAN.'),
      mac_duplicate_moves: option(
        integer(0, 1000),
        5,
        'A MAC address that moves so many times within `mac_duplicate_window` is a duplicate (RFC 7432 §15.1): it is warned of, and its sequence number is no longer raised; 0: never.',
      ),
      mac_duplicate_window: option(integer(1, 86_400), 180, 'Seconds in which its moves are counted.'),
      mac_duplicate_recovery: option(
        integer(0, 604_800),
        1800,
        'Seconds after which a MAC address is a duplicate no longer; 0: when it is detached.',
      ),
      vxlan_mtu: option(
        integer(1280, 65_535),
        null,
        'MTU of VXLAN devices; when not given, what the interface of `dataplane_local_address` has room for, and at least 1500.',
      ),
      neigh_suppress: option(
        boolean,
        true,
        'Answer ARP and ND for remote addresses here. Linux then keeps gratuitous ARP, unsolicited advertisements and duplicate detection from other nodes: VMs that share an address by VRRP need `false`.',
      ),
      require_isolation: option(
        boolean,
        false,
        'Refuse attaches to networks whose bridge cannot be kept out of the IP stack of the host (docs/security.md); without, `chanter status` reports them.',
      ),
      ovs_bridge: unused('it is of the `ovs` driver'),
    }),
    DATAPLANE_DRIVER_IPVPN: z.object({
      dataplane_driver: option(
        driver,
        'dummy',
        '`linux` programs VRFs and MPLS routes; `dummy` only keeps what it would program.',
        { strict: true },
      ),
      dataplane_local_address: option(
        localAddress,
        null,
        'The next hop of our routes; `[BGP] local_address` when not given.',
        { follows: ['BGP', 'local_address'] },
      ),
      mpls_interface: option(
        mplsTransport,
        undefined,
        'Interface that carries MPLS; `*gre*` or `*udp*` for tunnels to the other nodes, MPLS in GRE or in UDP.',
      ),
      tunnels_from_anyone: option(
        boolean,
        false,
        'Tunnels take labelled packets of all machines, also of provider edges that advertise nothing to us. Labels are easy to guess: only for a core where no other machine can send to our address.',
      ),
      label_range: option(
        range(16, 1_048_574),
        [16, 1_048_574] as const,
        'MPLS labels that endpoints are given. One that another program has a route for is passed over.',
      ),
      table_range: option(
        range(256, 4_294_967_294),
        [1001, 65_535] as const,
        'Routing tables of VRFs, and of one without routes. One that another VRF has, or in which others have routes, is passed over.',
      ),
      vrf_rules: option(
        boolean,
        true,
        'While there are VRFs, have `ip rule` look them up before the addresses of the machine itself, which else can be reached out of all VPNs. It is a setting of the whole machine; where it is left to others, `chanter status` reports when it is missing.',
      ),
      vrf_prefix: option(vrfPrefix, 'bvrf-', 'What the names of VRF devices begin with; a number follows.'),
      ...unusedGroup('it is of the `ovs` driver', [
        'mpls_over_gre',
        'proxy_arp',
        'arp_responder',
        'vxlan_encap',
        'ovs_bridge',
        'input_table',
        'ovs_table_id_start',
        'gre_tunnel',
        'gre_tunnel_options',
        'ovsbr_interfaces_mtu',
        'hash_method',
        'hash_method_param',
        'hash_fields',
      ]),
    }),
    COMMON: z.object({
      root_helper: unused('the kernel is programmed through netlink, without commands', 'sudo'),
      root_helper_daemon: unused('the kernel is programmed through netlink, without commands', null),
    }),
    DEFAULT: z.object({
      ...logOptions,
      state_file: option(
        path,
        '/var/lib/chanter/state',
        'File that keeps what agents attached over a restart of the daemon, with the `linux` driver; empty: none.',
      ),
      resync_interval: option(
        integer(0, 86_400),
        300,
        'Seconds between comparisons of the kernel with the desired state, which repair drift that no notification reported; 0: never. It takes at most a twentieth of a CPU.',
      ),
      forwarding_thread: option(
        boolean,
        true,
        'Whether a thread of its own programs the kernel, so that BGP and the API go on while the kernel is slow to answer.',
      ),
    }),
  })
}

/** The prefix of the name of a peer section, as in `[BGP_PEER:192.0.2.1]`. */
export const PEER_SECTION = 'BGP_PEER:'

/** The options of a peer section; absent ones are as in [BGP]. */
export function peerSchema({ shape }: ReturnType<typeof configSchema>) {
  return shape.BGP.pick({
    local_address: true,
    peer_as: true,
    ebgp_policy: true,
    passive: true,
    bgp_port: true,
    hold_time: true,
    connect_retry_time: true,
    enable_rtc: true,
    md5_key_file: true,
    ttl_security_hops: true,
    max_prefixes: true,
    add_path: true,
  }).extend({
    enabled: option(boolean, true, '`false` keeps the peer down until `chanter peer enable`.'),
    reflector_client: option(
      boolean,
      null,
      'The peer is a client of our reflector; as `[BGP] reflector` when not given.',
      { follows: ['BGP', 'reflector'] },
    ),
  })
}

/** The metadata of each option, by section and name. */
export function optionsOf(schema: ReturnType<typeof configSchema>): ReadonlyMap<string, Options> {
  return new Map(
    Object.entries(schema.shape).map(([section, { shape }]) => [section, optionsOfSection(shape)]),
  )
}

export type Settings = z.output<ReturnType<typeof configSchema>>
export type PeerSettings = z.output<ReturnType<typeof peerSchema>>
