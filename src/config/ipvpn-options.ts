import { option, unusedGroup } from './option.ts'
import { boolean, driver, mplsTransport, range, vrfPrefix } from './types.ts'

/** `dataplane_driver` of [DATAPLANE_DRIVER_IPVPN]. */
export const IPVPN_DRIVER = option(
  driver,
  'dummy',
  '`linux` programs VRFs and MPLS routes; `dummy` only keeps what it would program.',
  { strict: true },
)

/** The options of [DATAPLANE_DRIVER_IPVPN], without the driver and its address. */
export const IPVPN_OPTIONS = {
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
}
