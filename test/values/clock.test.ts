import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'

test('a moment that has passed is now, without a warning of Node', async () => {
  const warnings: string[] = []
  const listener = ({ name }: Error) => warnings.push(name)
  process.on('warning', listener)
  onTestFinished(() => void process.off('warning', listener))
  await new Promise<void>((resolve) => systemClock.after(-1000, resolve))
  await new Promise<void>((resolve) => systemClock.after(Number.NEGATIVE_INFINITY, resolve))
  expect(warnings).toEqual([])
})

test('a wait longer than timers can be is a long one, not none', async () => {
  let over = false
  const cancel = systemClock.after(0xff_ffff * 1000, () => {
    over = true
  })
  await new Promise<void>((resolve) => systemClock.after(5, resolve))
  cancel()
  expect(over).toBe(false)
})
