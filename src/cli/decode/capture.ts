import { pcapLayout, readPcap } from './pcap.ts'
import { isPcapng, readPcapng } from './pcapng.ts'

/** One captured packet; `time` is in nanoseconds since 1970, null where the file has none. */
export interface Packet {
  readonly time: bigint | null
  readonly linkType: number
  readonly bytes: Buffer
}

/** The packets of a capture file, in its order, as far as it can be read. */
export interface Capture {
  readonly packets: readonly Packet[]
  /** The error of the file itself, in words. */
  readonly problem: string | null
}

/** Reads a file with the header of a capture file; undefined for others. */
export function readCapture(file: Buffer): Capture | undefined {
  const layout = pcapLayout(file)
  if (layout !== undefined) return readPcap(file, layout)
  return isPcapng(file) ? readPcapng(file) : undefined
}
