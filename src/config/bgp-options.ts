import { option, required } from './option.ts'
import {
  address,
  boolean,
  holdTime,
  integer,
  ipv4Address,
  keyFile,
  listOf,
  oneOf,
  orNone,
  port,
  prefix,
} from './types.ts'

const asNumber = integer(1, 4_294_967_295)

/** The options of [BGP], without `local_address`. */
export const BGP_OPTIONS = {
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
}
