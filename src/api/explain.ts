import * as z from 'zod'
import { DIRECTIONS } from './attachment.ts'
import { explainedEntry } from './entries.ts'
import { count, list } from './shapes.ts'

const route = z.strictObject({
  state: z.enum(['used', 'beaten', 'unusable', 'not imported', 'ours', 'best']),
  reason: z.string().nullable(),
  next_hop: z.string().nullable(),
  source: z.string(),
  local_pref: z.int().nullable(),
  route_targets: list(z.string()),
  stale: z.boolean(),
  route: z.string(),
})
export type ExplainedRoute = z.infer<typeof route>

const endpoint = z.strictObject({
  mac: z.string(),
  ip: z.string().nullable(),
  port: z.string(),
  direction: z.enum(DIRECTIONS),
  not_advertised: z.string().nullable().describe('why there is no route for it'),
})

const inEvpn = z.strictObject({
  type: z.literal('evpn'),
  id: z.string(),
  name: z.string(),
  vni: z.int(),
  import: list(z.string()),
  local: list(
    endpoint.extend({
      sequence: count.describe('mobility sequence number'),
      duplicate: z.boolean().describe('whether it moves too often to be in one place'),
    }),
  ),
  routes: list(
    z.union([
      route.extend({ vni: z.int(), mobility: z.strictObject({ sequence: count, sticky: z.boolean() }) }),
      route.extend({
        vni: z.int().nullable().describe('null without a PMSI attribute'),
        tunnel_end: z.string().nullable(),
      }),
    ]),
  ),
  not_shown: count,
  entries: list(explainedEntry),
})
export type ExplainedEvpn = z.infer<typeof inEvpn>

const inVrf = z.strictObject({
  type: z.literal('ipvpn'),
  id: z.string(),
  name: z.string(),
  rd: z.string(),
  table: z.int(),
  import: list(z.string()),
  gateway_on: list(z.string()).describe('ports on which this machine has the address as a gateway'),
  local: list(
    endpoint.extend({
      label: z.int(),
    }),
  ),
  routes: list(route.extend({ rd: z.string(), label: z.int() })),
  not_shown: count,
  entries: list(explainedEntry),
})
export type ExplainedVrf = z.infer<typeof inVrf>

/** A route in the RIB of a program without VPN instances. */
const reflected = route.extend({
  sent_to: list(z.string()),
  not_sent: list(z.strictObject({ peer: z.string(), reason: z.string() })),
})
export type ReflectedRoute = z.infer<typeof reflected>

export const explanation = z.strictObject({
  address: z.string(),
  instances: list(z.discriminatedUnion('type', [inEvpn, inVrf])),
  routes: count.describe('routes for the address in the RIB'),
  reflected: list(reflected).optional().describe('of a reflector, which has no VPN instances'),
  not_shown: count.optional(),
  unused: list(route)
    .optional()
    .describe('IP prefix routes of EVPN that an instance imports and does not use'),
  filtered_by: list(z.string()).describe(
    'peers that send only routes of the targets that this node asks for',
  ),
  down: list(z.strictObject({ peer: z.string(), reason: z.string() })).describe(
    'enabled peers without a session, whose routes are missing or stale',
  ),
  quarantined: list(z.strictObject({ source: z.string(), reason: z.string() })),
  dropped: list(z.strictObject({ source: z.string(), route: z.string(), reason: z.string() })),
  malformed: list(z.strictObject({ source: z.string(), messages: count })),
})
export type Explanation = z.infer<typeof explanation>
