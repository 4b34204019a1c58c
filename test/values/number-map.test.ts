import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NumberMap } from '../../src/values/number-map.ts'

const key = fc.oneof(
  fc.nat(20),
  fc.maxSafeNat(),
  fc.nat(2 ** 20).map((n) => n * 2 ** 32),
)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('set' as const), key, value: fc.nat() }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('append' as const), key, value: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('take' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('takeFirst' as const), limit: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear' as const) }) },
)

test('behaves as Map does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ours = new NumberMap<number>()
      const theirs = new Map<number, number>()
      for (const each of steps) {
        if (each.op === 'set') {
          expect(ours.set(each.key, each.value)).toBe(theirs.get(each.key))
          theirs.set(each.key, each.value)
        } else if (each.op === 'append') {
          if (theirs.has(each.key)) continue
          ours.append(each.key, each.value)
          theirs.set(each.key, each.value)
        } else if (each.op === 'delete') {
          expect(ours.delete(each.key)).toBe(theirs.delete(each.key))
        } else if (each.op === 'take') {
          expect(ours.take(each.key)).toBe(theirs.get(each.key))
          theirs.delete(each.key)
        } else if (each.op === 'takeFirst') {
          const first = [...theirs].slice(0, each.limit)
          const taken: [number, number][] = []
          expect(ours.takeFirst(each.limit, (...entry) => taken.push(entry))).toBe(first.length)
          expect(taken).toEqual(first)
          for (const [key] of first) theirs.delete(key)
        } else {
          ours.clear()
          theirs.clear()
        }
        expect(ours.size).toBe(theirs.size)
      }
      expect([...ours]).toEqual([...theirs])
      for (const each of steps) {
        if (!('key' in each)) continue
        expect(ours.get(each.key)).toBe(theirs.get(each.key))
        expect(ours.has(each.key)).toBe(theirs.has(each.key))
      }
    }),
    { seed: 1 },
  )
})

test('does not grow when keys come and go', () => {
  const map = new NumberMap<number>()
  for (let i = 0; i < 100_000; i++) {
    map.set(i, i)
    if (i >= 100) map.delete(i - 100)
  }
  expect(map.size).toBe(100)
  expect(map['keys'].length).toBeLessThanOrEqual(1024)
  expect([...map].map(([each]) => each)).toEqual(Array.from({ length: 100 }, (_, i) => 99_900 + i))
})

test('a walk during changes yields each lasting entry once', () => {
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 60 }), fc.array(step, { maxLength: 200 }), (kept, steps) => {
      const map = new NumberMap<number>()
      for (const each of kept) map.set(each, 0)
      const gone = new Set<number>()
      const reported: number[] = []
      const left = [...steps]
      for (const [each] of map) {
        reported.push(each)
        for (const change of left.splice(0, 3)) {
          if (change.op === 'set') map.set(change.key, change.value)
          else if (change.op === 'append') map.has(change.key) || map.append(change.key, change.value)
          else if (change.op === 'delete') gone.add(change.key) && map.delete(change.key)
          else if (change.op === 'take') gone.add(change.key) && map.take(change.key)
          else if (change.op === 'takeFirst') map.takeFirst(change.limit, (each) => gone.add(each))
          else {
            for (const every of kept) gone.add(every)
            map.clear()
          }
        }
      }
      expect(new Set(reported).size).toBe(reported.length)
      expect(reported).toEqual(expect.arrayContaining(kept.filter((each) => !gone.has(each))))
    }),
    { seed: 1, numRuns: 1000 },
  )
})
