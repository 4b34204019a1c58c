import { describe, expect, test } from 'vitest'
import { simulate } from './simulation.ts'

describe('a network at rest forwards as all attachments together say', () => {
  /** Those that showed a fault once are among them. */
  test.each([...Array.from({ length: 25 }, (_, i) => i + 1), 107, 466, 554])('seed %i', async (seed) => {
    const { wrong, history } = await simulate(seed)
    expect(wrong, history.join('\n')).toEqual([])
  })

  test('the same seed is the same story', async () => {
    expect(await simulate(7)).toEqual(await simulate(7))
  })
})
