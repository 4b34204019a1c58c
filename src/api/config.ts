import * as z from 'zod'

/** An option in effect, and where its value is written. */
export const listedOption = z.strictObject({
  section: z.string(),
  option: z.string(),
  value: z.unknown().describe('as the looking glass shows it; null for none'),
  source: z.string().describe('a file, an environment variable, an argument, or `default`'),
  line: z.int().nullable().describe('of a file'),
  follows: z.string().nullable().describe('the option whose value it has, as it is not given itself'),
})
export type ListedOption = z.infer<typeof listedOption>
