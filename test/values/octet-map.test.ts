import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { hashOctets, type Keyed, OctetMap } from '../../src/values/octet-map.ts'

interface Value extends Keyed {
  readonly id: number
}

const value = (key: string, id = 0): Value => ({ key, hash: written(key).hash(), id })

function written(key: string): Writer {
  const writer = new Writer()
  writer.octets(key)
  return writer
}

/** Few keys, so that they come again; some begin with others, and some end with zeros. */
const key = fc.array(fc.constantFrom('\0', '\x01', '\xff'), { maxLength: 4 }).map((parts) => parts.join(''))
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('set' as const), key, id: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
)

test('behaves as Map does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ours = new OctetMap<Value>()
      const theirs = new Map<string, Value>()
      for (const each of steps) {
        const before = theirs.get(each.key)
        if (each.op === 'set') {
          const one = value(each.key, each.id)
          expect(ours.set(one)).toBe(before)
          theirs.set(each.key, one)
        } else {
          expect(ours.delete(value(each.key))).toBe(before)
          theirs.delete(each.key)
        }
        expect(ours.size).toBe(theirs.size)
        expect(ours.get(value(each.key))).toBe(theirs.get(each.key))
      }
      expect([...ours]).toEqual([...theirs.values()])
      for (const each of steps) expect(ours.find(written(each.key))).toBe(theirs.get(each.key))
    }),
    { seed: 1 },
  )
})

test('keys of one hash are different keys', () => {
  const map = new OctetMap<Value>()
  const all = ['a', 'b', 'c'].map((key, id) => ({ key, hash: 7, id }))
  for (const one of all) map.set(one)
  expect(map.delete(all[1]!)).toBe(all[1])
  expect([map.get(all[0]!), map.get(all[1]!), map.get(all[2]!)]).toEqual([all[0], undefined, all[2]])
})

test('a walk during changes yields each lasting key once, and ends', () => {
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 60 }), fc.array(step, { maxLength: 200 }), (kept, steps) => {
      const map = new OctetMap<Value>()
      for (const each of kept) map.set(value(each))
      const gone = new Set<string>()
      const reported: string[] = []
      const left = [...steps]
      for (const one of map) {
        expect(map.get(one)).toBe(one)
        reported.push(one.key)
        for (const change of left.splice(0, 3))
          if (change.op === 'set') map.set(value(change.key, change.id))
          else gone.add(change.key) && map.delete(value(change.key))
        map.set(value(`more ${reported.length}`))
      }
      expect(new Set(reported).size).toBe(reported.length)
      expect(reported).toEqual(expect.arrayContaining(kept.filter((each) => !gone.has(each))))
    }),
    { seed: 1, numRuns: 1000 },
  )
})

test('does not grow when keys come and go, and shrinks when most have gone', () => {
  const map = new OctetMap<Value>()
  const numbered = (i: number) => value(`key ${i}`, i)
  for (let i = 0; i < 100_000; i++) {
    map.set(numbered(i))
    if (i >= 100) map.delete(numbered(i - 100))
  }
  expect([...map].map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, i) => 99_900 + i))
  expect(map['slots'].length).toBeLessThanOrEqual(4 * 1024)
  for (let i = 100_000; i < 150_000; i++) map.set(numbered(i))
  for (let i = 100_000; i < 149_000; i++) map.delete(numbered(i))
  expect(map.size).toBe(1100)
  expect(map['slots'].length).toBeLessThanOrEqual(4 * 16_384)
})

test('hashes of keys that differ little are spread over a table', () => {
  const slots = new Set<number>()
  for (let i = 0; i < 1024; i++) {
    const key = Uint8Array.of(2, 0, 1, 10, 77, 1, 1, 0, 1, i >>> 8, i & 255, 0)
    slots.add(hashOctets(key, key.length) & 4095)
  }
  // 907 of 4096 are expected to be hit by 1024 random ones
  expect(slots.size).toBeGreaterThan(800)
})
