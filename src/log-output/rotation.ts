import { rename, rm } from 'node:fs/promises'

/** When a log file is replaced by a new one, as oslo.log's options say; `files`: how many old ones are kept. */
export type RotationOptions =
  | { readonly by: 'none' }
  | { readonly by: 'size'; readonly maxOctets: number; readonly files: number }
  | {
      readonly by: 'interval'
      readonly unit: keyof typeof SECONDS | 'Weekday' | 'Midnight'
      /** How many of the unit; of Weekday the day, 0 for Monday. */
      readonly count: number
      readonly files: number
    }

const SECONDS = { Seconds: 1, Minutes: 60, Hours: 3600, Days: 86_400 } as const
const DAYS = 7

/** When a file that was last written at `since` is due, both in epoch milliseconds; midnight is that of the local time. */
export function rotationDue(
  { unit, count }: Extract<RotationOptions, { by: 'interval' }>,
  since: number,
): number {
  if (unit !== 'Midnight' && unit !== 'Weekday') return since + Math.max(1, count) * SECONDS[unit] * 1000
  const midnight = new Date(since)
  midnight.setHours(24, 0, 0, 0)
  if (unit === 'Midnight') return midnight.getTime()
  const weekday = (new Date(since).getDay() + DAYS - 1) % DAYS
  midnight.setDate(midnight.getDate() + ((count - weekday + DAYS) % DAYS))
  return midnight.getTime()
}

/** Makes room for a new file: `log` becomes `log.1`, that `log.2`, and so on; the oldest goes. */
export async function shiftFiles(path: string, files: number): Promise<void> {
  await rm(`${path}.${files}`, { force: true })
  for (let number = files - 1; number > 0; number--)
    await rename(`${path}.${number}`, `${path}.${number + 1}`).catch(ignoreMissing)
  await rename(path, `${path}.1`).catch(ignoreMissing)
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
