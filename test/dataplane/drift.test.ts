import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { Drift } from '../../src/dataplane/engine/drift.ts'
import { logged } from '../support/events.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import * as e from './entries.ts'

let clock: VirtualClock
let drift: Drift
let lines: Record<string, unknown>[]

beforeEach(() => {
  clock = new VirtualClock()
  lines = []
  const log = pino(
    { level: 'warn', base: null },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  drift = new Drift(clock, logged(log, clock))
})

test('a bunch of changes is one warning, and there is one a minute at most', () => {
  for (let i = 0; i < 5000; i++) drift.notified(e.remote(i))
  clock.advance(1000)
  expect(lines).toMatchObject([{ count: 5000, entry: expect.stringContaining('remote-mac'), recurring: 0 }])
  for (let i = 0; i < 118; i++) {
    drift.notified(e.remote(7))
    clock.advance(1000)
  }
  expect(lines).toHaveLength(2)
  clock.advance(2000)
  expect(lines).toHaveLength(3)
  expect(lines.at(-1)).toMatchObject({ entry: 'remote-mac 02:00:00:00:00:07 on vx0', recurring: 1 })
  expect(drift.summary().count).toBe(5118)
})

test('changes that are far apart make no entry recurring', () => {
  for (let i = 0; i < 20; i++) {
    drift.notified(e.remote(1))
    clock.advance(300_000)
  }
  expect(drift.summary()).toMatchObject({ count: 20, recurring: 0, worst: null })
})

test('so many entries have a history, not more', () => {
  for (let round = 0; round < 5; round++) for (let i = 0; i < 10_000; i++) drift.notified(e.remote(i))
  expect(drift.summary()).toMatchObject({ count: 50_000, recurring: 4096 })
})
