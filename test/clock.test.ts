import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../src/clock.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const DAY_MS = 86_400_000

test.each([1, 24, 25, 60, 365])('a wait of %i days ends after them, and not before', (days) => {
  let done = false
  systemClock.after(days * DAY_MS, () => {
    done = true
  })
  vi.advanceTimersByTime(days * DAY_MS - 1)
  expect(done).toBe(false)
  vi.advanceTimersByTime(1)
  expect(done).toBe(true)
})

test('a long wait can be cancelled in any part of it', () => {
  let done = false
  const cancel = systemClock.after(60 * DAY_MS, () => {
    done = true
  })
  vi.advanceTimersByTime(50 * DAY_MS)
  cancel()
  vi.advanceTimersByTime(50 * DAY_MS)
  expect(done).toBe(false)
})
