import { expect, onTestFinished, test } from 'vitest'
import { PersistentClock, systemClock } from '../../src/clock.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

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

test('a task that throws is reported, and retried until it is done or cancelled', () => {
  const clock = new VirtualClock()
  const reported: unknown[] = []
  const loop = new PersistentClock(clock, (error) => reported.push(error))
  let failures = 2
  const task = () => {
    if (failures-- > 0) throw new Error('EMFILE')
  }
  loop.after(500, task)
  clock.advance(500)
  expect(loop.faults).toEqual({ count: 1, open: { reason: 'EMFILE', since: clock.epoch() } })
  clock.advance(2000)
  expect(loop.faults).toEqual({ count: 2, open: null })
  expect(reported).toHaveLength(1)
  const cancel = loop.after(0, () => {
    throw new Error('always')
  })
  clock.advance(1)
  cancel()
  expect(loop.faults.open).toBeNull()
  clock.advance(5000)
  expect(loop.faults.count).toBe(3)
})
