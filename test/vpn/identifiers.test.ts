import { beforeEach, describe, expect, test } from 'vitest'
import { Identifiers } from '../../src/vpn/identifiers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const MINUTE_MS = 60_000

let clock: VirtualClock
let numbers: Identifiers

beforeEach(() => {
  clock = new VirtualClock()
  numbers = new Identifiers(16, 19, clock)
})

const take = () => numbers.take('blue')

/** Those of a process that comes after this one, so much later by the clock on the wall. */
function restarted(laterMs = 0): Identifiers {
  const next = new VirtualClock()
  next.advance(12_345)
  const later = new Identifiers(16, 19, { now: () => next.now(), epoch: () => clock.epoch() + laterMs })
  later.restore(JSON.parse(JSON.stringify(numbers.snapshot())))
  return later
}

describe('a freed number', () => {
  beforeEach(() => {
    numbers.claim(16, 'red')
    numbers.release(16)
  })

  test('is not assigned again for ten minutes, though it is the next one', () => {
    expect([take(), take(), take()]).toEqual([17, 18, 19])
    numbers.release(18)
    clock.advance(10 * MINUTE_MS - 1)
    numbers.release(17)
    clock.advance(1)
    expect(take()).toBe(16)
    expect(take()).toBe(18)
    clock.advance(10 * MINUTE_MS)
    expect(take()).toBe(17)
  })

  test('is assigned earlier if all others are in use, the one released first', () => {
    expect([take(), take(), take()]).toEqual([17, 18, 19])
    clock.advance(1000)
    numbers.release(18)
    expect([take(), take(), take()]).toEqual([16, 18, undefined])
  })

  test('outside of the range is never assigned', () => {
    numbers.claim(7, 'red')
    numbers.release(7)
    expect([take(), take(), take(), take(), take()]).toEqual([17, 18, 19, 16, undefined])
  })

  test('may be claimed by its number; what it was for is known until then', () => {
    clock.advance(3000)
    expect(numbers.formerUseOf(16)).toEqual({ use: 'red', agoMs: 3000 })
    expect(numbers.claim(16, 'blue')).toBe(true)
    expect(numbers.formerUseOf(16)).toBeUndefined()
    numbers.release(16)
    clock.advance(10 * MINUTE_MS)
    expect(numbers.formerUseOf(16)).toBeUndefined()
  })

  test('that was not advertised is free at once', () => {
    numbers = new Identifiers(16, 16, clock)
    expect(take()).toBe(16)
    numbers.giveBack(16)
    expect(numbers.formerUseOf(16)).toBeUndefined()
    expect(take()).toBe(16)
  })
})

describe('a process that comes after another', () => {
  test('goes on after the number that was assigned last', () => {
    numbers.giveBack(take()!)
    numbers.giveBack(take()!)
    expect(restarted().take('blue')).toBe(18)
  })

  test('waits for freed ones as long as that would have', () => {
    numbers.claim(16, 'red')
    numbers.release(16)
    clock.advance(2 * MINUTE_MS)
    expect(restarted().formerUseOf(16)).toEqual({ use: 'red', agoMs: 2 * MINUTE_MS })
    expect(restarted(3 * MINUTE_MS).formerUseOf(16)?.agoMs).toBe(5 * MINUTE_MS)
    expect(restarted(8 * MINUTE_MS).formerUseOf(16)).toBeUndefined()
    expect([0, 1, 2].map(() => restarted().take('blue'))).toEqual([17, 17, 17])
  })

  test('waits no longer where the clock was set back', () => {
    numbers.claim(16, 'red')
    numbers.release(16)
    expect(restarted(-86_400_000).formerUseOf(16)?.agoMs).toBe(0)
  })

  test('begins with the first one where the range has become another', () => {
    const later = new Identifiers(100, 200, clock)
    later.restore(numbers.snapshot())
    expect(later.take('blue')).toBe(100)
  })
})
