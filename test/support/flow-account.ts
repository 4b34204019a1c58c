/** A run of packets that did not arrive. */
export interface Loss {
  readonly packets: number
  /** When the first of them was sent, in milliseconds of `monotonicMs`. */
  readonly fromMs: number
  /** When the first packet after them was sent; the last of them, where there is none. */
  readonly untilMs: number
}

/** What became of the packets of a flow, in one direction, or there and back. */
export interface Outcome {
  readonly sent: number
  readonly packetsASecond: number
  readonly lost: number
  readonly losses: readonly Loss[]
  /** Packets that arrived more than once. */
  readonly duplicates: number
}

/** Milliseconds on a clock that all processes of the machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** `sentAt` says of each packet when it was sent, `arrivals` how often it arrived. */
export function outcomeOf(sentAt: readonly number[], arrivals: readonly number[]): Outcome {
  const losses: Loss[] = []
  const last = sentAt.at(-1) ?? 0
  for (let first = 0; first < sentAt.length; first++) {
    let next = first
    while (next < sentAt.length && (arrivals[next] ?? 0) === 0) next++
    if (next === first) continue
    losses.push({ packets: next - first, fromMs: sentAt[first]!, untilMs: sentAt[next] ?? last })
    first = next
  }
  const seconds = (last - (sentAt[0] ?? 0)) / 1000
  return {
    sent: sentAt.length,
    packetsASecond: Math.round(sentAt.length / seconds),
    lost: losses.reduce((sum, { packets }) => sum + packets, 0),
    losses,
    duplicates: arrivals.filter((count) => count > 1).length,
  }
}
