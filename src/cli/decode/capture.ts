import { pcapLayout, readPcap } from './pcap.ts'
import { isPcapng, readPcapng } from './pcapng.ts'

/** One captured packet; `time` is in nanoseconds since 1970, null where the file has none. */
export interface Packet {
  readonly time: bigint | null
  readonly linkType: number
  readonly bytes: Buffer
}

/** The packets of a capture file, in its order, as far as it makes sense. */
export interface Capture {
  readonly packets: readonly Packet[]
  /** What is wrong with the file itself, in words. */
  readonly problem: string | null
}

/** Reads a file that starts as capture files do; undefined when it does not. */
export function readCapture(file: Buffer): Capture | undefined {
  const layout = pcapLayout(file)
  if (layout !== undefined) return readPcap(file, layout)
  return isPcapng(file) ? readPcapng(file) : undefined
}
