import { describe, expect, test } from 'vitest'
import { fewest } from './shrink.ts'
import { simulate } from './simulation.ts'

describe('a network at rest forwards by all attachments', () => {
  test.each(Array.from({ length: 25 }, (_, i) => i + 1))('seed %i', async (seed) => {
    const { wrong, history } = await simulate(seed)
    expect(wrong, history.join('\n')).toEqual([])
  })

  /** They showed a fault once, with this alone. */
  test.each([
    ['own-clients', 1],
    ['lost-side', 15],
    ['no-rtc', 24],
    ['external', 22],
    ['refused-restart', 56],
  ] as const)('%s: seed %i', async (ingredient, seed) => {
    const { wrong, history } = await simulate(seed, [ingredient])
    expect(wrong, history.join('\n')).toEqual([])
  })

  test('the same seed is the same story', async () => {
    expect(await simulate(7)).toEqual(await simulate(7))
  })
})

test('a story is shrunk to the events without which it does not fail', async () => {
  const events = Array.from({ length: 37 }, (_, i) => i)
  const needed = [3, 17, 30]
  const fails = async (some: readonly number[]) => needed.every((event) => some.includes(event))
  expect(await fewest(events, fails, () => {})).toEqual(needed)
})
