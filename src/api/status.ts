import * as z from 'zod'
import { peerSummary } from './peers.ts'
import { count, epochMs, failure, list } from './shapes.ts'

/** How reliable the routes are that forwarding uses. */
export const routeState = z.strictObject({
  state: z
    .enum(['complete', 'waiting', 'stale', 'headless'])
    .describe(
      'waiting: since the start not all peers have advertised all they have; stale: of a peer that restarts; headless: the last known, since there is no peer left to ask',
    ),
  since: epochMs,
  waiting_for: list(z.string()).describe('peers whose End-of-RIB is waited for after the start'),
  stale: list(z.strictObject({ peer: z.string(), since: epochMs })).describe(
    'peers whose routes are kept after a lost session, and since when',
  ),
})
export type RouteState = z.infer<typeof routeState>

const routes = routeState.extend({
  received: count,
  own: count,
  filtered_by: list(z.string()).describe(
    'peers that send only routes of the targets that this node asks for',
  ),
})

const log = z.strictObject({
  path: z.string().nullable().describe('null for standard output'),
  dropped: count.describe('lines that could not be written since the start'),
  failure: failure.nullable(),
})

const entries = z.strictObject({
  wanted: count,
  programmed: count,
  pending: count,
  failed: count,
  pending_since: epochMs.nullable(),
  unremoved: count,
  removing: count,
})

/** Numbers of bridges: by XDP and tc, by one of them alone, and why the other one was refused. */
const isolation = z.strictObject({
  both: count,
  xdp: count,
  tc: count,
  refusals: list(z.string()),
  open: list(z.strictObject({ instance: z.string(), bridge: z.string(), reason: z.string() })),
})

const stateFile = z.strictObject({
  path: z.string(),
  written: epochMs.nullable(),
  failure: failure.nullable(),
  unkept: list(z.strictObject({ entry: z.string(), reason: z.string() })),
})

/** The additional status of a node that serves VPNs. */
const services = z.strictObject({
  instances: z.strictObject({ count, endpoints: count }),
  entries,
  drift: z.strictObject({ count, last: epochMs.nullable(), recurring: count }),
  forwarding_loop: z.strictObject({ count, open: failure.nullable() }),
  without_ipv6: list(z.strictObject({ device: z.string(), neighbours: count })),
  tight_underlays: list(z.strictObject({ underlay: z.string(), room: z.int(), mtu: z.int() })),
  vanished: list(
    z.strictObject({ instance: z.string(), node: z.string(), routes: count, seconds_left: z.int() }),
  ).describe(
    'remote nodes whose routes were withdrawn all at once, and to which traffic goes on for a while',
  ),
  isolation,
  compared: z.strictObject({ at: epochMs, entries: count, faults: count }).nullable(),
  stale: z.strictObject({
    entries: count,
    links: list(z.strictObject({ name: z.string(), alias: z.string().nullable() })),
  }),
  state_file: stateFile.nullable(),
  unconfirmed: z
    .strictObject({
      count,
      attachments: list(
        z.strictObject({
          vpn_instance_id: z.string(),
          vpn_type: z.enum(['evpn', 'ipvpn']),
          mac_address: z.string(),
          ip_address: z.string().nullable(),
          local_port: z.string(),
        }),
      ).describe('the first of them'),
    })
    .describe('attachments of the state file that no agent has attached again since the start'),
  receive_only: z
    .strictObject({
      count,
      ports: list(
        z.strictObject({
          local_port: z.string(),
          vpn_instance_id: z.string(),
          sends_into: z
            .string()
            .nullable()
            .describe('null: into none, since the one that had what it sends is detached'),
        }),
      ).describe('the first of them'),
    })
    .describe('ports of an IP VPN that only receive from it: another IP VPN has what they send'),
})
export type ServicesSummary = z.infer<typeof services>

/** The summary of the daemon. */
export const statusSummary = z.strictObject({
  ok: z.boolean(),
  problems: list(z.string()),
  version: z.string(),
  started: epochMs,
  uptime_seconds: count,
  sessions: z.strictObject({ established: count, disabled: count, peers: list(peerSummary) }),
  routes,
  log,
  ...services.partial().shape,
})
export type StatusSummary = z.infer<typeof statusSummary>
