import type { Capture, Packet } from './capture.ts'
import { FieldReader } from './fields.ts'

const FILE_HEADER_LENGTH = 24
const PACKET_HEADER_LENGTH = 16
const NANOSECONDS = 1_000_000_000n

interface PcapLayout {
  readonly littleEndian: boolean
  /** Nanoseconds in the unit of a time's second half. */
  readonly unit: bigint
}

const LAYOUTS: Readonly<Record<string, PcapLayout>> = {
  a1b2c3d4: { littleEndian: false, unit: 1000n },
  d4c3b2a1: { littleEndian: true, unit: 1000n },
  a1b23c4d: { littleEndian: false, unit: 1n },
  '4d3cb2a1': { littleEndian: true, unit: 1n },
}

/** How to read a classic capture file (draft-ietf-opsawg-pcap); undefined when it is none. */
export function pcapLayout(file: Buffer): PcapLayout | undefined {
  return file.length < FILE_HEADER_LENGTH ? undefined : LAYOUTS[file.toString('hex', 0, 4)]
}

export function readPcap(file: Buffer, { littleEndian, unit }: PcapLayout): Capture {
  const fields = new FieldReader(file, littleEndian)
  const linkType = fields.u16(littleEndian ? 20 : 22)
  const packets: Packet[] = []
  let pos = FILE_HEADER_LENGTH
  while (pos + PACKET_HEADER_LENGTH <= file.length) {
    const start = pos + PACKET_HEADER_LENGTH
    const end = start + fields.u32(pos + 8)
    if (end > file.length) break
    const time = BigInt(fields.u32(pos)) * NANOSECONDS + BigInt(fields.u32(pos + 4)) * unit
    packets.push({ time, linkType, bytes: file.subarray(start, end) })
    pos = end
  }
  const problem = pos === file.length ? null : `the capture file ends inside packet ${packets.length + 1}`
  return { packets, problem }
}
