import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Queue } from '../../src/values/queue.ts'
import { Slots } from '../../src/values/slots.ts'

test('slots hold what was added and not removed', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (choices) => {
      const slots = new Slots<object>()
      const held = new Map<object, number>()
      for (const choice of choices) {
        const [item, slot] = [...held][choice] ?? []
        if (item === undefined) {
          const added = { choice }
          held.set(added, slots.add(added))
        } else {
          expect(slots.remove(slot!)).toBe(item)
          expect(slots.remove(slot!)).toBeUndefined()
          held.delete(item)
        }
        expect(slots.size).toBe(held.size)
        expect(new Set(slots)).toEqual(new Set(held.keys()))
      }
    }),
  )
})

test('iteration over slots ends though each item makes another, and yields all that stay', () => {
  const slots = new Slots<string>()
  const first = slots.add('first')
  slots.add('second')
  slots.add('third')
  const seen: string[] = []
  for (const item of slots) {
    seen.push(item)
    slots.add(`after ${item}`)
    if (item === 'second') slots.remove(first)
  }
  expect(seen.slice(0, 3)).toEqual(['first', 'second', 'third'])
  expect(seen.length).toBe(3)
  expect(slots.size).toBe(5)
})

test('a queue that is never empty gives items in their order', () => {
  const queue = new Queue<number>()
  let pushed = 0
  for (; pushed < 10; pushed++) queue.push(pushed)
  for (let taken = 0; taken < 10_000; taken++) {
    queue.push(pushed++)
    expect(queue.take()).toBe(taken)
  }
  expect(queue.taken).toBe(10_000)
  expect(queue.waiting()).toEqual(Array.from({ length: 10 }, (_, i) => 10_000 + i))
})
