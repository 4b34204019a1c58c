import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { formatAttributes } from '../../src/bgp/attribute/index.ts'
import { HEADER_LENGTH, MessageType } from '../../src/bgp/constants.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { decodeMessage } from '../../src/bgp/message/index.ts'
import { decodeOpen, encodeOpen } from '../../src/bgp/message/open.ts'
import { writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { decodeUpdate } from '../../src/bgp/message/update.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'

const DIRECTORY = new URL('../../fixtures/bgp/recorded/', import.meta.url)
const files = readdirSync(DIRECTORY).filter((name) => name.endsWith('.hex'))

function load(name: string): Buffer {
  return Buffer.from(readFileSync(new URL(name, DIRECTORY), 'ascii').trim(), 'hex')
}

/** The attributes of an UPDATE as a sorted list of hex strings: their order on the wire is free (RFC 4271 §5). */
function attributeSet(message: Buffer): string[] {
  const attributes: string[] = []
  let pos = HEADER_LENGTH + 4
  while (pos < message.length) {
    const extended = (message[pos]! & 0x10) !== 0
    const length = extended ? 4 + message.readUInt16BE(pos + 2) : 3 + message[pos + 2]!
    attributes.push(message.toString('hex', pos, pos + length))
    pos += length
  }
  return attributes.sort()
}

const updates = files.filter((name) => name.includes('UPDATE'))

test('one of every kind is here', () => expect(files.length).toBe(27))

describe.each(files)('%s', (name) => {
  test('frames and decodes, whole and byte by byte', () => {
    const bytes = load(name)
    const whole = new Framer()
    whole.push(bytes)
    const message = decodeMessage(whole.next()!, DEFAULT_CONTEXT)
    expect(whole.next()).toBeNull()

    const slow = new Framer()
    let frames = 0
    for (const byte of bytes) {
      slow.push(Buffer.of(byte))
      for (let frame = slow.next(); frame !== null; frame = slow.next()) {
        frames++
        expect(decodeMessage(frame, DEFAULT_CONTEXT)).toEqual(message)
      }
    }
    expect(frames).toBe(1)
  })
})

describe.each(updates)('%s', (name) => {
  const bytes = load(name)
  const update = decodeUpdate(bytes, DEFAULT_CONTEXT)

  test('has nothing wrong', () => {
    expect(update.findings).toEqual([])
    expect(update.verdict).toBeNull()
    expect([...update.reach, ...update.unreach].flatMap(({ nlri }) => nlri)).toHaveLength(1)
  })

  test('encodes to the same attributes, byte for byte', () => {
    const w = new Writer()
    for (const { family, nextHop, nlri } of update.reach)
      writeReach(w, family, nextHop, nlri, update.attributes, DEFAULT_CONTEXT)
    for (const { family, nlri } of update.unreach) writeUnreach(w, family, nlri, DEFAULT_CONTEXT)
    const ours = w.copy()
    expect(ours[HEADER_LENGTH - 1]).toBe(MessageType.Update)
    const theirs = attributeSet(bytes)
    if (update.reach.length > 0) expect(attributeSet(ours)).toEqual(theirs)
    else expect(theirs).toContain(attributeSet(ours)[0])
  })

  test('reads as', () => {
    const { reach, unreach, attributes } = update
    const shown = [...reach, ...unreach].map(({ family, nlri }) =>
      nlri.map((one) => nlriCodec(family)!.format(one)),
    )
    expect({ nlri: shown, ...formatAttributes(attributes) }).toMatchSnapshot()
  })
})

test.each(['bagpipe-OPEN.hex', 'gobgp-OPEN.hex'])('%s survives re-encoding', (name) => {
  const open = decodeOpen(load(name))
  expect(open).toMatchSnapshot()
  expect(decodeOpen(encodeOpen(open))).toEqual(open)
})
