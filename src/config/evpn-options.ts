import { option, unused } from './option.ts'
import { boolean, driver, integer, port } from './types.ts'

/** `dataplane_driver` of [DATAPLANE_DRIVER_EVPN]. */
export const EVPN_DRIVER = option(
  driver,
  'dummy',
  '`linux` programs bridges and VXLAN devices; `dummy` only keeps what it would program.',
  { strict: true },
)

/** The options of [DATAPLANE_DRIVER_EVPN], without the driver and its address. */
export const EVPN_OPTIONS = {
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
    'Refuse attaches to EVPN instances whose bridge cannot be kept out of the IP stack of the host (docs/security.md); without, `chanter status` reports them.',
  ),
  ovs_bridge: unused('it is of the `ovs` driver'),
}
