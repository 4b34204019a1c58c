import * as z from 'zod'
import { list } from './shapes.ts'

const change = z.strictObject({
  option: z.string(),
  before: z.unknown().describe('as the configuration is shown; null for none'),
  after: z.unknown(),
})

/** The difference that a reload of the configuration made, or would make. */
export const reloadReport = z.strictObject({
  dry_run: z.boolean().describe('nothing was changed'),
  peers: list(
    z.strictObject({
      peer: z.string(),
      change: z.enum(['added', 'removed', 'changed']),
      resets_session: z.boolean().describe('the change ends the session with the peer, and another follows'),
      options: list(change),
    }),
  ),
  options: list(
    change.extend({
      section: z.string(),
      needs_restart: z.boolean().describe('it takes effect when the daemon starts again'),
    }),
  ),
  warnings: list(z.string()).describe('unknown options and sections'),
})
export type ReloadReport = z.infer<typeof reloadReport>

/** What became of a reload: the difference, or why the configuration cannot be used, a sentence each. */
export type ReloadOutcome = { readonly report: ReloadReport } | { readonly findings: readonly string[] }
/** Reads the configuration again and applies it, or only compares it. */
export type Reload = (options: { readonly dryRun: boolean }) => Promise<ReloadOutcome>
