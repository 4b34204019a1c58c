import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Capture, type Packet, readCapture } from '../../src/cli/decode/capture.ts'
import { decodeCapture } from '../../src/cli/decode/captured.ts'
import type { Decoded } from '../../src/cli/decode/decoded.ts'
import { tcpSegment } from '../../src/cli/decode/packet.ts'
import { AS_PATH, attribute, LOCAL_PREF, MP_REACH, ORIGIN, update } from '../support/update-bytes.ts'

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../fixtures/decode/${name}`, import.meta.url))
const captureOf = (name: string): Capture => readCapture(fixture(name))!
const session = captureOf('session.pcapng')

const decode = (packets: readonly Packet[], port = 179): Decoded[] => [
  ...decodeCapture({ packets, problem: null }, port, {}),
]

/** The messages without when and where they were seen. */
const contents = (decoded: readonly Decoded[]): unknown[] =>
  decoded.map(({ frame, time, source, destination, ...content }) => content)

/** What was sent in one direction of one connection, and with what else, in the order it was sent. */
function byDirection(decoded: readonly Decoded[]): Map<string, unknown[]> {
  const directions = new Map<string, unknown[]>()
  for (const one of decoded) {
    const key = `${one.source} ${one.destination}`
    directions.set(key, [...(directions.get(key) ?? []), ...contents([one])])
  }
  return directions
}

const ETHERNET_HEADER = 14
const IP_HEADER = 20
const TCP_HEADER_AT = ETHERNET_HEADER + IP_HEADER

/** Where the payload of a packet of the session starts. */
const payloadAt = ({ bytes }: Packet): number => TCP_HEADER_AT + (bytes[TCP_HEADER_AT + 12]! >>> 4) * 4
const hasPayload = (packet: Packet): boolean =>
  packet.bytes.readUInt16BE(16) + ETHERNET_HEADER > payloadAt(packet)

/** A copy of the packet with its payload cut to what is between these offsets. */
function part(packet: Packet, from: number, to?: number): Packet {
  const at = payloadAt(packet)
  const payload = packet.bytes.subarray(at).subarray(from, to)
  const bytes = Buffer.concat([packet.bytes.subarray(0, at), payload])
  bytes.writeUInt16BE(bytes.length - ETHERNET_HEADER, 16)
  bytes.writeUInt32BE((bytes.readUInt32BE(TCP_HEADER_AT + 4) + from) >>> 0, TCP_HEADER_AT + 4)
  return { ...packet, bytes }
}

const whole = decode(session.packets)

describe('a capture', () => {
  test('holds what was said', () => {
    expect(whole).toHaveLength(45)
    expect(whole.every((one) => one.type !== 'NOTE' && one.verdict === null)).toBe(true)
    expect(whole[0]).toMatchObject({
      frame: 4,
      time: '2026-11-22T19:33:22.727210570Z',
      source: '10.77.0.1:179',
      destination: '10.77.0.11:36227',
      type: 'OPEN',
    })
  })

  test('on another port', () => {
    const moved = session.packets.map((packet) => {
      const bytes = Buffer.from(packet.bytes)
      for (const at of [TCP_HEADER_AT, TCP_HEADER_AT + 2])
        if (bytes.readUInt16BE(at) === 179) bytes.writeUInt16BE(1790, at)
      return { ...packet, bytes }
    })
    expect(contents(decode(moved, 1790))).toEqual(contents(whole))
    expect(contents(decode(moved))).toEqual([
      { type: 'NOTE', reason: `no TCP segment of port 179 in ${moved.length} packets`, bytes: '' },
    ])
  })

  test('with only a handshake is reported', () => {
    const handshake = session.packets.filter((packet) => !hasPayload(packet))
    expect(handshake.length).toBeGreaterThan(2)
    expect(decode(handshake)).toEqual([
      { type: 'NOTE', reason: 'no BGP message: no TCP segment of port 179 holds data', bytes: '' },
    ])
  })

  test('that was cut off is reported', () => {
    const file = fixture('session.pcapng')
    for (const length of [200, 1000, 5001]) {
      const cut = readCapture(file.subarray(0, length))!
      const decoded = [...decodeCapture(cut, 179, {})]
      expect(decoded.at(-1)).toMatchObject({
        type: 'NOTE',
        reason: expect.stringContaining('makes no sense'),
      })
    }
  })
})

describe('segments', () => {
  test('in any order', () => {
    const opening = session.packets.slice(0, 24)
    const others = session.packets.slice(24)
    for (let distance = 1; distance <= 5; distance++) {
      const swapped = others.toSorted(
        (a, b) => (others.indexOf(a) % distance) - (others.indexOf(b) % distance),
      )
      const decoded = decode([...opening, ...swapped])
      expect(byDirection(decoded)).toEqual(byDirection(whole))
    }
    const backwards = decode(session.packets.toReversed())
    expect(backwards).toHaveLength(whole.length)
    expect(backwards.every((one) => one.type !== 'NOTE' && one.verdict === null)).toBe(true)
  })

  test('again', () => {
    const twice = session.packets.flatMap((packet) => [packet, packet])
    expect(contents(decode(twice))).toEqual(contents(whole))
    const later = [...session.packets, ...session.packets.slice(0, 30)]
    expect(contents(decode(later))).toEqual(contents(whole))
  })

  test('in pieces that overlap', () => {
    const pieces = session.packets.flatMap((packet) =>
      hasPayload(packet)
        ? [part(packet, 0, 7), part(packet, 5, 30), part(packet, 20), part(packet, 12, 25)]
        : [packet],
    )
    expect(contents(decode(pieces))).toEqual(contents(whole))
  })

  test('with sequence numbers that wrap', () => {
    const shift = 2 ** 32 - 100
    const wrapped = session.packets.map((packet) => {
      const bytes = Buffer.from(packet.bytes)
      const isn = session.packets.find(
        (one) =>
          one.bytes.readUInt32BE(26) === bytes.readUInt32BE(26) &&
          one.bytes.readUInt32BE(30) === bytes.readUInt32BE(30),
      )!
      const at = TCP_HEADER_AT + 4
      bytes.writeUInt32BE((bytes.readUInt32BE(at) - isn.bytes.readUInt32BE(at) + shift) >>> 0, at)
      return { ...packet, bytes }
    })
    expect(contents(decode(wrapped))).toEqual(contents(whole))
  })

  test('that are missing are reported, and the rest is read', () => {
    const at = session.packets.findIndex(
      (packet) => hasPayload(packet) && payloadAt(packet) + 99 === packet.bytes.length,
    )
    const lost = session.packets.toSpliced(at, 1, part(session.packets[at]!, 0, 60))
    const decoded = decode(lost)
    expect(decoded.filter(({ type }) => type === 'NOTE')).toMatchObject([
      { frame: at + 1, reason: '60 bytes of a message of 99 bytes, the rest is missing' },
      { reason: '39 bytes are missing from the capture' },
    ])
    expect(decoded.filter(({ type }) => type !== 'NOTE')).toHaveLength(whole.length - 1)

    const beheaded = decode(session.packets.toSpliced(at, 1, part(session.packets[at]!, 40)))
    expect(beheaded.filter(({ type }) => type === 'NOTE')).toMatchObject([
      { reason: '40 bytes are missing from the capture' },
      { reason: '59 bytes in front of the first marker' },
    ])
    expect(beheaded.filter(({ type }) => type !== 'NOTE')).toHaveLength(whole.length - 1)
  })

  test('from the middle of a session', () => {
    const decoded = decode(session.packets.slice(24))
    expect(decoded.every((one) => one.type !== 'NOTE' && one.verdict === null)).toBe(true)
    expect(decoded).toHaveLength(whole.length - whole.filter(({ frame }) => frame! <= 24).length)
  })

  test('of the same ports again are another connection', () => {
    const again = session.packets.map((packet) => {
      const bytes = Buffer.from(packet.bytes)
      bytes.writeUInt32BE((bytes.readUInt32BE(TCP_HEADER_AT + 4) + 1_000_000_000) >>> 0, TCP_HEADER_AT + 4)
      return { ...packet, bytes }
    })
    expect(contents(decode([...session.packets, ...again]))).toEqual([...contents(whole), ...contents(whole)])
  })
})

describe('OPENs decide how the rest is read', () => {
  const capture = captureOf('add-path.pcap')
  const pathIds = (decoded: Iterable<Decoded>): unknown[] =>
    [...decoded].flatMap((one) =>
      one.type === 'UPDATE'
        ? one.reach.flatMap(({ nlri }) => nlri.map(({ path_id }) => path_id ?? null))
        : [],
    )

  test('with path identifiers from the side that advertised to send them', () => {
    const decoded = decode(capture.packets)
    expect(decoded.every((one) => one.type !== 'NOTE' && one.verdict === null)).toBe(true)
    expect(new Set(pathIds(decoded))).toEqual(new Set([1, null]))
    expect(decoded[1]).toMatchObject({
      type: 'OPEN',
      agreed: { add_path_from_destination: ['l2vpn/evpn'], add_path_from_source: [] },
    })
  })

  test('unless the operator knows better', () => {
    const decoded = [...decodeCapture(capture, 179, { addPathReceive: new Set() })]
    expect(decoded.some((one) => one.type !== 'NOTE' && one.verdict !== null)).toBe(true)
  })
})

describe('without OPENs', () => {
  const first = session.packets.findIndex(hasPayload)
  /** The session's first packet with data, which carries these messages instead. */
  const carrying = (...messages: readonly Buffer[]): Packet => {
    const packet = session.packets[first]!
    const bytes = Buffer.concat([packet.bytes.subarray(0, payloadAt(packet)), ...messages])
    bytes.writeUInt16BE(bytes.length - ETHERNET_HEADER, 16)
    return { ...packet, bytes }
  }
  const verdicts = (...attributes: readonly string[]): unknown[] =>
    decode([carrying(...attributes.map((own) => update(MP_REACH + ORIGIN + own)))]).map((one) =>
      one.type === 'NOTE' ? one.reason : one.verdict,
    )
  const PATH = attribute(0x40, 2, '02010000fde9')

  test.each([
    ['a path and no LOCAL_PREF: external', [PATH, PATH], [null, null]],
    ['LOCAL_PREF is wrong there', [PATH, PATH + LOCAL_PREF], [null, 'discard']],
    ['a path and LOCAL_PREF: internal', [PATH + LOCAL_PREF, PATH + LOCAL_PREF], [null, null]],
    ['LOCAL_PREF is owed there', [PATH + LOCAL_PREF, PATH], [null, 'treat-as-withdraw']],
    ['neither: internal', [AS_PATH], ['treat-as-withdraw']],
  ])('%s', (_, attributes, expected) => {
    expect(verdicts(...attributes)).toEqual(expected)
  })
})

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
