/** The time of a capture: the number of the packet in the file, from 1, and its timestamp. */
export interface Moment {
  readonly frame: number
  readonly time: bigint | null
}

interface Chunk {
  /** Position of the first octet in the stream, sequence numbers unwrapped. */
  readonly at: number
  readonly bytes: Buffer
  readonly moment: Moment
}

/** Octets of one direction without a gap. */
export interface Run {
  /** Number of missing octets before it. */
  readonly missing: number
  readonly bytes: Buffer
  /** When everything up to an offset had arrived, by ascending offsets; the last is the length. */
  readonly arrivals: readonly { readonly end: number; readonly moment: Moment }[]
}

/** One direction of a TCP connection: segments in any order, twice, or not at all. */
export class ByteStream {
  /** Where the stream starts, once its SYN was seen. */
  private start: number | undefined
  private last: number | undefined
  private lowest = Number.POSITIVE_INFINITY
  private readonly chunks: Chunk[] = []

  /** Whether a SYN with this sequence number belongs to the captured part of this connection. */
  fits(sequence: number): boolean {
    const first = this.unwrap(sequence) + 1
    if (this.start !== undefined) return this.start === first
    return this.chunks.length === 0 || this.lowest === first
  }

  open(sequence: number): void {
    this.last = this.unwrap(sequence)
    this.start = this.last + 1
  }

  add(sequence: number, bytes: Buffer, moment: Moment): void {
    const at = this.unwrap(sequence)
    this.last = at
    this.lowest = Math.min(this.lowest, at)
    this.chunks.push({ at, bytes, moment })
  }

  /** Sequence numbers are 32 bits wide: the value nearest to the last one is used. */
  private unwrap(sequence: number): number {
    return this.last === undefined ? sequence + 2 ** 32 : this.last + ((sequence - this.last) | 0)
  }

  /** The stream as far as it was captured; of duplicate octets the first copy counts. */
  runs(): Run[] {
    const sorted = this.chunks.toSorted((a, b) => a.at - b.at || a.moment.frame - b.moment.frame)
    const runs: Run[] = []
    let next = this.start ?? sorted[0]?.at ?? 0
    let missing = 0
    let parts: Chunk[] = []
    const close = (): void => {
      if (parts.length > 0) runs.push(runOf(missing, parts))
      parts = []
    }
    for (const { at, bytes, moment } of sorted) {
      if (at + bytes.length <= next) continue
      if (at > next) {
        close()
        missing = at - next
        next = at
      }
      parts.push({ at: next, bytes: bytes.subarray(next - at), moment })
      next = at + bytes.length
    }
    close()
    return runs
  }
}

function runOf(missing: number, parts: readonly Chunk[]): Run {
  const arrivals: { end: number; moment: Moment }[] = []
  let end = 0
  let latest: Moment | undefined
  for (const { bytes, moment } of parts) {
    end += bytes.length
    if (latest === undefined || moment.frame > latest.frame) latest = moment
    arrivals.push({ end, moment: latest })
  }
  return { missing, bytes: Buffer.concat(parts.map(({ bytes }) => bytes)), arrivals }
}
