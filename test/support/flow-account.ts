/** A run of packets that did not arrive, between two that did. */
export interface Loss {
  readonly packets: number
  /** When the last packet before and the first one after it were sent, in milliseconds of `monotonicMs`. */
  readonly fromMs: number
  readonly untilMs: number
}

/** What became of the packets of a flow in one direction, or there and back. */
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

/** Which packets of a flow, numbered from 0 on, were sent when, and which of them arrived. */
export class FlowAccount {
  private readonly sentAt: number[] = []
  private readonly arrivals: number[] = []

  get sent(): number {
    return this.sentAt.length
  }

  isSent(at: number): void {
    this.sentAt.push(at)
  }

  arrived(number: number, sentAt: number): void {
    while (this.arrivals.length <= number) this.arrivals.push(0)
    this.arrivals[number]!++
    this.sentAt[number] = sentAt
  }

  outcome(): Outcome {
    const { sentAt, arrivals } = this
    const losses: Loss[] = []
    const times = sentAt.filter((at) => at !== undefined)
    const [first = 0, last = 0] = [times[0], times.at(-1)]
    let [fromMs, packets, lost] = [first, 0, 0]
    for (let number = 0; number <= sentAt.length; number++) {
      if (number < sentAt.length && (arrivals[number] ?? 0) === 0) packets++
      else {
        const untilMs = sentAt[number] ?? last
        if (packets > 0) losses.push({ packets, fromMs, untilMs })
        lost += packets
        fromMs = untilMs
        packets = 0
      }
    }
    const seconds = (last - first) / 1000
    const duplicates = arrivals.filter((count) => count > 1).length
    const packetsASecond = Math.round(sentAt.length / seconds)
    return { sent: sentAt.length, packetsASecond, lost, losses, duplicates }
  }
}
