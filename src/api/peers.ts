import * as z from 'zod'
import { count } from './shapes.ts'

/** A peer in a list of peers. */
export const peerSummary = z.strictObject({
  id: z.string().describe('its address'),
  state: z.enum(['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']),
  as: z.int(),
  since: z.string().describe('when it came into that state'),
  routes: count.describe('routes of it in the RIB'),
  reason: z.string().nullable().describe('why there is no session'),
})
export type PeerSummary = z.infer<typeof peerSummary>

/** RFC 9003 §2. */
export const MAX_REASON_OCTETS = 255

/** The body of an order to a peer. */
export const peerOrder = z.object({
  reason: z.string().default('').describe(`at most ${MAX_REASON_OCTETS} octets, for the peer to read`),
})
