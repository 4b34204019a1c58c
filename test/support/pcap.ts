/** A capture file of TCP connections to port 179, one for each message, for programs that read captures. */
export function captureOf(messages: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(0x40000, 16)
  header.writeUInt32LE(RAW_IP, 20)
  const records = messages.flatMap((message, i) => {
    const parts = Math.max(1, Math.ceil(message.length / SEGMENT))
    return Array.from({ length: parts }, (_, part) => {
      const payload = message.subarray(part * SEGMENT, (part + 1) * SEGMENT)
      return record(i, packet(FIRST_PORT + i, 1 + part * SEGMENT, payload))
    })
  })
  return Buffer.concat([header, ...records])
}

const RAW_IP = 101
const SEGMENT = 32_768
const FIRST_PORT = 10_000
const BGP = 179

function record(second: number, data: Buffer): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(second, 0)
  header.writeUInt32LE(data.length, 8)
  header.writeUInt32LE(data.length, 12)
  return Buffer.concat([header, data])
}

/** IPv4 and TCP headers without checksums, and the payload. */
function packet(port: number, sequence: number, payload: Buffer): Buffer {
  const headers = Buffer.alloc(40)
  headers[0] = 0x45
  headers.writeUInt16BE(40 + payload.length, 2)
  headers[8] = 64
  headers[9] = 6
  headers.writeUInt32BE(0x0a000001, 12)
  headers.writeUInt32BE(0x0a000002, 16)
  headers.writeUInt16BE(port, 20)
  headers.writeUInt16BE(BGP, 22)
  headers.writeUInt32BE(sequence, 24)
  headers[32] = 0x50
  headers[33] = 0x18
  headers.writeUInt16BE(0xffff, 34)
  return Buffer.concat([headers, payload])
}
