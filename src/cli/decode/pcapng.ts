import type { Capture, Packet } from './capture.ts'
import { FieldReader } from './fields.ts'

const Block = { Section: 0x0a0d0d0a, PcapngInterface: 1, SimplePacket: 3, EnhancedPacket: 6 } as const
const Option = { End: 0, TimeResolution: 9, TimeOffset: 14 } as const
const MIN_BLOCK_LENGTH = 12
const LITTLE_ENDIAN = 0x4d3c2b1a
const NANOSECONDS = 1_000_000_000n

interface PcapngInterface {
  readonly linkType: number
  /** Time units in a second. */
  readonly resolution: bigint
  readonly offsetSeconds: bigint
}

export function isPcapng(file: Buffer): boolean {
  return file.length >= MIN_BLOCK_LENGTH && file.readUInt32BE(0) === Block.Section
}

/** Reads the packets of a capture file of the next generation (draft-ietf-opsawg-pcapng), and the blocks that their times depend on. */
export function readPcapng(file: Buffer): Capture {
  const packets: Packet[] = []
  let interfaces: PcapngInterface[] = []
  let fields = new FieldReader(file, false)
  let pos = 0
  while (pos + MIN_BLOCK_LENGTH <= file.length) {
    if (file.readUInt32BE(pos) === Block.Section) {
      fields = new FieldReader(file, file.readUInt32BE(pos + 8) === LITTLE_ENDIAN)
      interfaces = []
    }
    const length = fields.u32(pos + 4)
    if (length < MIN_BLOCK_LENGTH || length % 4 !== 0 || pos + length > file.length) break
    const body = fields.within(pos + 8, pos + length - 4)
    switch (fields.u32(pos)) {
      case Block.PcapngInterface:
        interfaces.push(readInterface(body))
        break
      case Block.EnhancedPacket:
        packets.push(readEnhancedPacket(body, interfaces))
        break
      case Block.SimplePacket:
        packets.push(readSimplePacket(body, interfaces))
    }
    pos += length
  }
  const problem = pos === file.length ? null : `the capture file makes no sense from its byte ${pos} on`
  return { packets, problem }
}

/** Used for an interface that no block describes; no link type matches it. */
const UNKNOWN_INTERFACE: PcapngInterface = { linkType: -1, resolution: 1n, offsetSeconds: 0n }

function readEnhancedPacket(body: FieldReader, interfaces: readonly PcapngInterface[]): Packet {
  const { linkType, resolution, offsetSeconds } = interfaces[body.u32(0)] ?? UNKNOWN_INTERFACE
  const units = (BigInt(body.u32(4)) << 32n) | BigInt(body.u32(8))
  return {
    time: (units * NANOSECONDS) / resolution + offsetSeconds * NANOSECONDS,
    linkType,
    bytes: body.bytes.subarray(20, 20 + body.u32(12)),
  }
}

function readSimplePacket(body: FieldReader, interfaces: readonly PcapngInterface[]): Packet {
  const { linkType } = interfaces[0] ?? UNKNOWN_INTERFACE
  return { time: null, linkType, bytes: body.bytes.subarray(4, 4 + body.u32(0)) }
}

function readInterface(body: FieldReader): PcapngInterface {
  let resolution = 1_000_000n
  let offsetSeconds = 0n
  for (let at = 8; at + 4 <= body.bytes.length; ) {
    const code = body.u16(at)
    const length = body.u16(at + 2)
    if (code === Option.End) break
    if (code === Option.TimeResolution) resolution = resolutionOf(body.bytes[at + 4] ?? 0)
    if (code === Option.TimeOffset) offsetSeconds = BigInt.asIntN(64, body.u64(at + 4))
    at += 4 + Math.ceil(length / 4) * 4
  }
  return { linkType: body.u16(0), resolution, offsetSeconds }
}

/** A power of ten, or of two when the highest bit is set. */
function resolutionOf(octet: number): bigint {
  return (octet & 0x80) === 0 ? 10n ** BigInt(octet) : 2n ** BigInt(octet & 0x7f)
}
