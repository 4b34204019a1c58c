import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'

test('a wait longer than timers can be is a long one, not none', async () => {
  let over = false
  const cancel = systemClock.after(0xff_ffff * 1000, () => {
    over = true
  })
  await new Promise<void>((resolve) => systemClock.after(5, resolve))
  cancel()
  expect(over).toBe(false)
})
