import * as z from 'zod'
import { entryFields, entryWith } from './entry-kinds.ts'
import { count, epochMs, list } from './shapes.ts'

export const ENTRY_STATES = ['programmed', 'pending', 'failed', 'unneeded'] as const

/** The state of an entry that the kernel should hold. */
export const entryStatus = z.strictObject({
  state: z.enum(ENTRY_STATES),
  reason: z.string().nullable().describe('why it is not programmed'),
  code: z.string().nullable().describe('the error code of the refusal'),
  errno: z.strictObject({ name: z.string(), number: z.int() }).nullable(),
  since: epochMs.nullable().describe('since when it is not programmed, in milliseconds since 1970'),
  next_try: epochMs.nullable(),
  attempts: count,
})

const explained = {
  entry: z.string().describe('the entry in words'),
  wanted: z.boolean(),
  ...entryStatus.shape,
}

/** An entry, its fields and its state. */
export const explainedEntry = entryWith(explained)
export type ExplainedEntry = z.infer<typeof explainedEntry>

export const listedEntry = entryWith({
  ...explained,
  instances: list(z.string()).describe('the VPN instances that need it'),
})
export type ListedEntry = z.infer<typeof listedEntry>

/** A node setting that an entry needs. */
export const listedSetting = z.strictObject({
  name: z.string().describe('as sysctl(8) has it'),
  value: z.number(),
  before: z.number().describe('what it was before this daemon changed it'),
  fits: z.boolean().describe('whether it is as it has to be'),
  needed_for: z.string().describe('the first entry that needs it'),
})
export type ListedSetting = z.infer<typeof listedSetting>

/** The result of a comparison of the kernel with the desired state. */
export const verification = z.strictObject({
  devices: count,
  entries: count,
  missing: count,
  different: count,
  extra: count,
  failed: count,
  pending: count,
  stale: count.describe('unwanted entries that stay until initial convergence is complete'),
  outdated: list(z.string()).describe('devices of bagpipe-bgp, with its entries, until they are recreated'),
  faults: list(
    z.strictObject({
      fault: z.enum(['missing', 'different', 'extra']),
      entry: z.string(),
      wanted: entryFields.nullable(),
      found: z
        .union([
          entryFields,
          z.strictObject({ kind: z.string().nullable(), device: z.string(), alias: z.string().nullable() }),
        ])
        .nullable(),
    }),
  ).describe('the first of those that are missing, different or extra'),
  unreadable: list(z.strictObject({ device: z.string(), reason: z.string() })),
})
export type VerificationAnswer = z.infer<typeof verification>
