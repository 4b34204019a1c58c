import * as z from 'zod'
import { API_OPTIONS } from './api-options.ts'
import { BGP_OPTIONS } from './bgp-options.ts'
import { EVPN_DRIVER, EVPN_OPTIONS } from './evpn-options.ts'
import { IPVPN_DRIVER, IPVPN_OPTIONS } from './ipvpn-options.ts'
import { logOptions } from './log-options.ts'
import { type Options, option, optionsOfSection, required, unused } from './option.ts'
import { boolean, type Interfaces, integer, interfaceAddress, statePath } from './types.ts'

/** Sections that a configuration of bagpipe-bgp may have for its libraries and for Neutron: accepted, not read. */
export const OTHER_SECTIONS = [
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

/** The options of [COMMON]. */
const COMMON_OPTIONS = {
  root_helper: unused('the kernel is programmed through netlink, without commands', 'sudo'),
  root_helper_daemon: unused('the kernel is programmed through netlink, without commands', null),
}

/** The options of [DEFAULT]. */
const DEFAULT_OPTIONS = {
  ...logOptions,
  state_file: option(
    statePath,
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
}

/** Every section and option with its type, default and description; the values are what the looking glass shows. */
export function configSchema(interfaces: Interfaces) {
  const localAddress = interfaceAddress(interfaces)
  return z.object({
    BGP: z.object({
      local_address: required(
        localAddress,
        'Address of this node: source of its BGP sessions and, where it is IPv4, its `router_id`.',
      ),
      ...BGP_OPTIONS,
    }),
    API: z.object(API_OPTIONS),
    DATAPLANE_DRIVER_EVPN: z.object({
      dataplane_driver: EVPN_DRIVER,
      dataplane_local_address: option(
        localAddress,
        null,
        'Our VTEP address and the next hop of our routes; `[BGP] local_address` when not given.',
        { follows: ['BGP', 'local_address'] },
      ),
      ...EVPN_OPTIONS,
    }),
    DATAPLANE_DRIVER_IPVPN: z.object({
      dataplane_driver: IPVPN_DRIVER,
      dataplane_local_address: option(
        localAddress,
        null,
        'The next hop of our routes; `[BGP] local_address` when not given.',
        { follows: ['BGP', 'local_address'] },
      ),
      ...IPVPN_OPTIONS,
    }),
    COMMON: z.object(COMMON_OPTIONS),
    DEFAULT: z.object(DEFAULT_OPTIONS),
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
