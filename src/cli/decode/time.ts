const NANOSECONDS_IN_MILLISECOND = 1_000_000n
/** The last millisecond that a Date can hold. */
const LAST = 8_640_000_000_000_000n

/** Nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond, or to the nanosecond where there are any; null is unknown. */
export function formatTime(time: bigint | null): string | null {
  if (time === null) return null
  const milliseconds = time / NANOSECONDS_IN_MILLISECOND
  if (time < 0n || milliseconds > LAST) return null
  const [seconds = ''] = new Date(Number(milliseconds)).toISOString().split('.')
  const fraction = (time % 1_000_000_000n).toString().padStart(9, '0')
  return `${seconds}.${fraction.replace(/000$/, '')}Z`
}
