import { beforeEach, expect, test } from 'vitest'
import { LogAllowance } from '../../src/events/log-allowance.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

let clock: VirtualClock
let allowance: LogAllowance

beforeEach(() => {
  clock = new VirtualClock()
  clock.advance(5000)
  allowance = new LogAllowance(clock)
})

const take = (count: number): (number | null)[] => Array.from({ length: count }, () => allowance.take())
const WRITTEN = Array.from({ length: 10 }, () => 0)

test('ten lines at once are written, the eleventh is not', () => {
  expect(take(11)).toEqual([...WRITTEN, null])
})

test('each second allows one more, with the count of those left out', () => {
  take(13)
  clock.advance(999)
  expect(take(1)).toEqual([null])
  clock.advance(1)
  expect(take(2)).toEqual([4, null])
  clock.advance(2500)
  expect(take(3)).toEqual([1, 0, null])
  clock.advance(500)
  expect(take(2)).toEqual([1, null])
})

test('a long silence allows no more than ten', () => {
  take(10)
  clock.advance(3_600_000)
  expect(take(11)).toEqual([...WRITTEN, null])
})
