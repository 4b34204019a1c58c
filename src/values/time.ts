/** `2026-11-22 15:44:20`, in the machine's time zone, as bagpipe-bgp shows times. */
export function formatTime(epochMs: number): string {
  const time = new Date(epochMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}

/** The same with milliseconds, as in its logs. */
export function formatLogTime(epochMs: number): string {
  return `${formatTime(epochMs)},${String(Math.floor(epochMs) % 1000).padStart(3, '0')}`
}
