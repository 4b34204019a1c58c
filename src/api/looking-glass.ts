import * as z from 'zod'
import { entryStatus } from './entries.ts'
import { entryKind } from './entry-kinds.ts'
import { peerSummary } from './peers.ts'
import { anything, count, link, list } from './shapes.ts'

/** The texts of path attributes by their names; an attribute that is not decoded is `attribute-` and its code. */
export const routeAttributes = z.record(z.string(), z.string())

/** A route in the words of bagpipe-bgp. */
export const shownRoute = z.strictObject({
  'afi-safi': z.string(),
  attributes: routeAttributes,
  next_hop: z.string().nullable(),
  route_targets: list(z.string()).optional(),
  source: z.strictObject({ id: z.string(), href: z.string() }),
  unused: z.string().optional().describe('why forwarding does not go by it'),
})
export type ShownRoute = z.infer<typeof shownRoute>

/** Each item is one route under its own text. */
export const shownRoutes = list(z.record(z.string(), shownRoute))
/** Routes by their family: `l2vpn/evpn,*`. */
export const routeTables = z.record(z.string(), shownRoutes)
export type RouteTables = z.infer<typeof routeTables>
/** Routes by their subject. */
export const routesBySubject = z.record(z.string(), shownRoutes)

export const listedPeer = peerSummary.extend({ href: z.string() })
export type ListedPeer = z.infer<typeof listedPeer>

const names = list(z.string())
const messages = z.strictObject({
  open: count,
  update: count,
  notification: count,
  keepalive: count,
  routerefresh: count,
})

/** The capabilities that one side of a session advertised. */
const advertised = z.strictObject({
  families: names,
  add_path: list(z.strictObject({ family: z.string(), send: z.boolean(), receive: z.boolean() })),
  graceful_restart: z
    .strictObject({
      restarting: z.boolean(),
      notification: z.boolean(),
      restart_time: count.describe('in seconds'),
      families: list(z.strictObject({ family: z.string(), forwarding: z.boolean() })),
    })
    .nullable(),
  long_lived_graceful_restart: list(
    z.strictObject({
      family: z.string(),
      forwarding: z.boolean(),
      stale_time: count.describe('in seconds'),
    }),
  ),
  hostname: z.string().nullable(),
  software_version: z.string().nullable(),
})
export type AdvertisedCapabilities = z.infer<typeof advertised>

const capabilities = z.strictObject({
  families: names,
  four_octet_as: z.boolean(),
  route_refresh: z.boolean(),
  enhanced_route_refresh: z.boolean(),
  extended_messages: z.boolean(),
  add_path_received: names,
  graceful_restart: z.boolean(),
  graceful_notification: z.boolean(),
  announced: z.strictObject({ local: advertised.nullable(), peer: advertised }),
})
export type SessionCapabilities = z.infer<typeof capabilities>

const internals = z.strictObject({ 'event queue length': count, subscriptions: names })

/** One peer. */
export const shownPeer = z.strictObject({
  name: z.string(),
  peeringAddresses: z.strictObject({ local_address: z.string(), peer_address: z.string() }),
  as_info: z.strictObject({ local: z.int(), peer: z.int() }),
  protocol: z.strictObject({
    state: peerSummary.shape.state,
    previous_state: z.string(),
    last_transition_time: z.string(),
    hold_time: count,
    last_error: z.string().nullable(),
    last_notification: z
      .strictObject({ sent: z.string().optional(), received: z.string().optional(), time: z.string() })
      .nullable(),
    down_reason: z.string().nullable(),
    established_count: count,
  }),
  active_families: names,
  rtc: z.strictObject({ enabled: z.boolean(), active: z.boolean() }),
  configuration: z.strictObject({
    enabled: z.boolean(),
    passive: z.boolean(),
    port: z.int(),
    reflector_client: z.boolean(),
    ebgp_policy: z.string().nullable(),
    md5: z.boolean(),
    ttl_security_hops: z.int().nullable(),
    max_prefixes: z.int().nullable(),
  }),
  timers: z.strictObject({
    hold_time_configured: count,
    hold_time: count.nullable(),
    keepalive: z.number().nullable(),
    connect_retry: z.number(),
  }),
  capabilities: capabilities.nullable(),
  internals,
  messages: z.strictObject({ received: messages, sent: messages }),
  routes: z.strictObject({
    updates: count,
    withdrawUpdates: count,
    withdrawn: count,
    treatedAsWithdraw: count,
    attributesDiscarded: count,
    quarantined: count,
    unread: count,
    looped: count,
    unwanted: count,
    rejected: count,
    withheld: count,
    in_rib: count,
    by_family: z.record(z.string(), count),
    stale_families: names,
    end_of_rib: names,
  }),
  received_routes: link,
  adv_routes: link,
  quarantine: link,
  logs: link,
})

export const quarantine = list(z.strictObject({ family: z.string(), reason: z.string(), bytes: z.string() }))

export const listedInstance = z.strictObject({
  href: z.string(),
  id: z.string(),
  name: z.string(),
  description: anything.optional(),
})

const targets = z.strictObject({ import: names, export: names })

/** One VPN instance. */
export const shownInstance = z.strictObject({
  name: z.string(),
  external_instance_id: z.string(),
  description: anything,
  instance_type: z.enum(['EVI', 'VRF']),
  instance_dataplane_id: z.int(),
  rd: z.string(),
  gateway_ip: z.string().nullable(),
  gateway_port: z
    .strictObject({
      interface: z.string(),
      ipvpn: z.strictObject({ href: z.string(), id: z.string(), external_instance_id: z.string() }),
    })
    .nullable()
    .optional(),
  subnet_prefix_length: z.int().nullable(),
  route_targets: targets,
  readvertise: z.union([z.strictObject({ from: names, to: names }), z.strictObject({})]),
  attract_traffic: z.strictObject({}),
  fallback: z.record(z.string(), z.unknown()).nullable(),
  internals,
  adv_routes: link,
  received_routes: link,
  best_routes: link,
  readvertised: link.optional(),
  ports: link,
  dataplane: link,
  logs: link,
})

/** The ports of a VPN instance, by name. */
export const shownPorts = z.record(
  z.string(),
  z.strictObject({
    evpn: z.string().optional().describe('the EVPN instance that it leads into'),
    endpoints: list(
      z.strictObject({
        label: z.int(),
        mac_address: z.string(),
        ip_address: z.string().nullable(),
        rd: z.string(),
        local_pref: z.int().nullable(),
        direction: z.string(),
        description: anything,
        lb_consistent_hash_order: z.int().optional(),
        advertise_subnet: z.boolean().optional(),
      }),
    ),
  }),
)

/** The kernel entries of a VPN instance. */
export const shownEntries = list(entryStatus.extend({ entry: z.string(), kind: entryKind }))

export const logRecords = list(
  z.strictObject({ level: z.string(), time: z.string(), name: z.string(), message: z.string() }),
)

/** The devices of a VPN instance. */
export const instanceDataplane = z.strictObject({
  driver: z.strictObject({ id: z.string(), href: z.string() }),
  linux_bridge: z.string().optional().describe('of an EVPN instance'),
  vxlan_if: z.string().optional().describe('of an EVPN instance'),
  vrf_if: z.string().optional().describe('of an IP VPN instance'),
  route_table: z.int().optional().describe('of an IP VPN instance'),
  entries: link,
  logs: link,
})

const routeCounts = z.strictObject({ local_routes_count: count, received_routes_count: count })

export const summary = z.strictObject({
  BGP_established_peers: count,
  route_counts: routeCounts,
  vpn_instances_count: count.optional(),
  warnings_and_errors: count,
  start_time: z.string(),
  version: z.string(),
  dataplane_entries: z
    .strictObject({ wanted: count, programmed: count, pending: count, failed: count })
    .optional(),
})

export const bgp = z.strictObject({
  peers: link,
  routes: link,
  workers: link,
  route_counts: routeCounts,
  adv_routes: link,
})

/** The sources of routes. */
export const workers = list(z.strictObject({ href: z.string(), id: z.string() }))
/** A source of routes: a peer, a VPN instance, or our route target memberships. */
export const worker = z.union([shownPeer, shownInstance, z.strictObject({ adv_routes: link })])

const instancesPerVni = z.record(
  z.string(),
  z.strictObject({ name: z.string(), external_instance_id: z.string() }),
)

export const vpns = z.strictObject({
  instances: link,
  dataplane: link,
  instances_per_vni: instancesPerVni,
})
export const dataplane = z.strictObject({ drivers: link, ids: link })
/** The use of each MPLS label. */
export const labelUses = z.record(z.string(), z.string())
/** The drivers, by the type of VPN. */
export const drivers = list(z.strictObject({ href: z.string(), id: z.enum(['evpn', 'ipvpn']) }))
export const driver = z.strictObject({
  name: z.string(),
  local_address: z.string(),
  supported_encaps: names,
  config: anything,
  kernel_release: z.string(),
  logs: link,
})

export const root = z.strictObject({
  summary,
  config: link,
  bgp: link,
  vpns: link.optional(),
  logs: link,
})
