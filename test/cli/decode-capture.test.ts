import { describe, expect, test } from 'vitest'
import { type Packet, readCapture } from '../../src/cli/decode/capture.ts'
import { decodeCapture } from '../../src/cli/decode/captured.ts'
import type { Decoded } from '../../src/cli/decode/decoded.ts'
import { AS_PATH, attribute, LOCAL_PREF, MP_REACH, ORIGIN, update } from '../support/update-bytes.ts'
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

/** What was sent in one direction of one connection, and with what else, in the order it was sent. */
function byDirection(decoded: readonly Decoded[]): Map<string, unknown[]> {
  const directions = new Map<string, unknown[]>()
  for (const one of decoded) {
    const key = `${one.source} ${one.destination}`
    directions.set(key, [...(directions.get(key) ?? []), ...contents([one])])
  }
  return directions
}

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

describe('a capture', () => {
  test('holds what was sent', () => {
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
