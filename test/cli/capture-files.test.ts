import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Packet, readCapture } from '../../src/cli/decode/capture.ts'
import { decodeCapture } from '../../src/cli/decode/captured.ts'
import { tcpSegment } from '../../src/cli/decode/packet.ts'
import {
  captureOf,
  contents,
  decode,
  ETHERNET_HEADER,
  fixture,
  session,
  TCP_HEADER_AT,
  whole,
} from './capture-setup.ts'

describe('link types', () => {
  const ETHERNET = 1
  const relinked = (linkType: number, header: (etherType: number) => Buffer): Packet[] =>
    session.packets.map((packet) => ({
      ...packet,
      linkType,
      bytes: Buffer.concat([header(packet.bytes.readUInt16BE(12)), packet.bytes.subarray(ETHERNET_HEADER)]),
    }))
  const hex = (text: string): Buffer => Buffer.from(text, 'hex')

  test.each([
    ['raw IP', 101, () => hex('')],
    ['raw IPv4', 228, () => hex('')],
    ['BSD loopback, little-endian', 0, () => hex('02000000')],
    ['OpenBSD loopback', 108, () => hex('00000002')],
    ['Linux cooked', 113, () => hex('0000000100060200000001010000' + '0800')],
    ['Linux cooked 2', 276, () => hex('0800' + '00000000000200010006020000000101' + '0000')],
    ['Ethernet with a VLAN tag', ETHERNET, () => hex('020000000101020000000102' + '8100000a0800')],
    ['Ethernet with two', ETHERNET, () => hex('020000000101020000000102' + '88a8000a8100000b0800')],
    ['Linux cooked with a VLAN tag', 113, () => hex('0000000100060200000001010000' + '8100' + '000a0800')],
  ])('%s', (_, linkType, header) => {
    expect(contents(decode(relinked(linkType, header)))).toEqual(contents(whole))
  })

  test('Linux cooked captures of real tools', () => {
    const one = decode(captureOf('cooked.pcap').packets)
    expect(one).toHaveLength(9)
    expect(contents(decode(captureOf('cooked2.pcapng').packets))).toEqual(contents(one))
  })

  test('that are unknown are reported', () => {
    const decoded = decode(session.packets.map((packet) => ({ ...packet, linkType: 127 })))
    expect(decoded[0]).toMatchObject({ type: 'NOTE', reason: 'packets of link type 127 are not read' })
  })

  test('frames that Ethernet padded', () => {
    const padded = session.packets.map((packet) => ({
      ...packet,
      bytes: Buffer.concat([packet.bytes, Buffer.alloc(9)]),
    }))
    expect(contents(decode(padded))).toEqual(contents(whole))
  })
})

describe('IPv6', () => {
  const address = (last: number): Buffer =>
    Buffer.from(`20010db8${'00'.repeat(11)}${last.toString(16).padStart(2, '0')}`, 'hex')

  /** The same TCP between addresses of IPv6, behind these extension headers. */
  function overIpv6(packet: Packet, firstHeader: number, extensions: Buffer): Packet {
    const { bytes } = packet
    const tcp = bytes.subarray(TCP_HEADER_AT)
    const header = Buffer.alloc(8)
    header[0] = 0x60
    header.writeUInt16BE(extensions.length + tcp.length, 4)
    header[6] = firstHeader
    return {
      ...packet,
      linkType: 101,
      bytes: Buffer.concat([header, address(bytes[29]!), address(bytes[33]!), extensions, tcp]),
    }
  }

  test.each([
    ['plain', 6, ''],
    ['hop-by-hop options and destination options', 0, '3c00000000000000' + '0600000000000000'],
    ['a fragment header of a whole packet', 44, '0600000000000001'],
    ['authentication', 51, `0604${'00'.repeat(22)}`],
  ])('%s', (_, firstHeader, extensions) => {
    const packets = session.packets.map((packet) =>
      overIpv6(packet, firstHeader, Buffer.from(extensions, 'hex')),
    )
    const decoded = decode(packets)
    expect(contents(decoded)).toEqual(contents(whole))
    expect(decoded[0]).toMatchObject({ source: '[2001:db8::1]:179' })
  })
})

describe('capture files', () => {
  const packet = Buffer.from('ab'.repeat(20), 'hex')

  /** A classic file with one packet at 1.000002 s, or 1.000002003 s. */
  function pcap(magic: string, littleEndian: boolean, fraction: number): Buffer {
    const u32 = (value: number): Buffer => {
      const bytes = Buffer.alloc(4)
      if (littleEndian) bytes.writeUInt32LE(value)
      else bytes.writeUInt32BE(value)
      return bytes
    }
    const fields = [u32(0), u32(0), u32(0), u32(65535), u32(101), u32(1), u32(fraction), u32(20), u32(20)]
    return Buffer.concat([Buffer.from(magic, 'hex'), ...fields, packet])
  }

  test.each([
    ['a1b2c3d4', false, 2, 1_000_002_000n],
    ['d4c3b2a1', true, 2, 1_000_002_000n],
    ['a1b23c4d', false, 2003, 1_000_002_003n],
    ['4d3cb2a1', true, 2003, 1_000_002_003n],
  ])('pcap %s', (magic, littleEndian, fraction, time) => {
    expect(readCapture(pcap(magic, littleEndian, fraction))).toEqual({
      packets: [{ time, linkType: 101, bytes: packet }],
      problem: null,
    })
  })

  test('pcapng of the other byte order, with seconds and a simple packet', () => {
    const block = (type: number, body: string): string => {
      const length = 12 + body.length / 2
      const u32 = (value: number): string => value.toString(16).padStart(8, '0')
      return u32(type) + u32(length) + body + u32(length)
    }
    const section = block(0x0a0d0d0a, '1a2b3c4d00010000ffffffffffffffff')
    const seconds = block(
      1,
      '00650000ffffffff' + '0009000100000000' + '000e0008000000000000000a' + '00000000',
    )
    const enhanced = block(6, '00000000' + '0000000000000005' + '00000004' + '00000004' + 'abababab')
    const unknown = block(5, '00000000')
    const simple = block(3, '00000003' + 'ababab00')
    const stray = block(6, '00000007' + '0000000000000005' + '00000004' + '00000004' + 'abababab')
    const file = Buffer.from(section + seconds + enhanced + unknown + simple + stray, 'hex')
    expect(readCapture(file)).toMatchObject({
      packets: [
        { time: 15_000_000_000n, linkType: 101, bytes: Buffer.from('abababab', 'hex') },
        { time: null, linkType: 101, bytes: Buffer.from('ababab', 'hex') },
        { linkType: -1 },
      ],
      problem: null,
    })
  })

  test('other files are none', () => {
    expect(readCapture(Buffer.alloc(100))).toBeUndefined()
    expect(readCapture(Buffer.from('ffffffff', 'hex'))).toBeUndefined()
  })
})

describe('whatever a file holds', () => {
  const files = ['session.pcapng', 'add-path.pcap', 'cooked.pcap', 'cooked2.pcapng'].map(fixture)

  /** A file with some octets changed, cut somewhere. */
  const broken = fc
    .tuple(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
        maxLength: 20,
      }),
      fc.double({ min: 0.1, max: 1, noNaN: true }),
    )
    .map(([file, changes, kept]) => {
      const bytes = Buffer.from(file)
      for (const [at, value] of changes) bytes[Math.floor(at * (bytes.length - 1))] = value
      return bytes.subarray(0, Math.ceil(kept * bytes.length))
    })

  test('it is decoded or reported', () => {
    fc.assert(
      fc.property(broken, (file) => {
        const capture = readCapture(file)
        if (capture !== undefined) expect(JSON.stringify([...decodeCapture(capture, 179, {})])).not.toBe('[]')
      }),
      { numRuns: 100 },
    )
  })

  test('so is whatever a packet holds', () => {
    const linkType = fc.constantFrom(0, 1, 12, 101, 108, 113, 228, 229, 276, 999)
    const bytes = fc.uint8Array({ maxLength: 120 }).map((octets) => Buffer.from(octets))
    const ip = bytes.map((octets) => Buffer.concat([Buffer.from('6000000000640640', 'hex'), octets]))
    fc.assert(
      fc.property(linkType, fc.oneof(bytes, ip), (type, packet) => {
        expect(() => tcpSegment(type, packet)).not.toThrow()
      }),
      { numRuns: 2000 },
    )
  })
})
