import { expect, test } from 'vitest'
import { giveBackMemory, threadMemory } from '../../src/linux/memory.ts'

const LOOK_MS = 5000

/** The checks at which a process collects that worked so many milliseconds before each; a collection takes so long, while other threads work. */
function collections(work: readonly number[], pauseMs = 20, othersMs = 0): number[] {
  const looks: number[] = []
  let [now, busy, count] = [0, 0, 0]
  let next = () => {}
  const clock = {
    now: () => now,
    after: (_: number, task: () => void) => {
      next = task
      return () => {}
    },
  }
  const collect = () => {
    looks.push(count)
    now += pauseMs
    busy += pauseMs + othersMs
  }
  giveBackMemory(clock, { busyMs: () => busy, collect })
  for (const ms of work) {
    now += LOOK_MS
    busy += ms
    count++
    next()
  }
  return looks
}

test.each([
  ['nothing happens but the start', [10, 20, 30, 20, 10], [1]],
  ['there is always a little to do', Array(100).fill(400), [1]],
  ['a burst goes on', [4000, 4000, 4000], []],
  ['a burst is over', [10, 4000, 3000, 30, 20, 20], [1, 4]],
  ['bursts came and went', [4000, 10, 10, 4000, 10, 10], [2, 5]],
])('garbage is collected where %s', (_, work, looks) => {
  expect(collections(work)).toEqual(looks)
})

test('collections take a hundredth of the time, however often bursts come', () => {
  const bursts = Array.from({ length: 160 }, (_, i) => (i % 2 === 0 ? 4000 : 10))
  expect(collections(bursts, 1000).length).toBe(8)
  expect(collections(bursts, 1000, 1000).length).toBe(8)
})

test('memory that a collection frees returns to the machine', () => {
  const { collect } = threadMemory()
  let garbage: number[][] | null = Array.from({ length: 200_000 }, (_, i) => Array(16).fill(i))
  const before = process.memoryUsage().rss
  expect(garbage.length).toBe(200_000)
  garbage = null
  collect()
  expect(before - process.memoryUsage().rss).toBeGreaterThan(8 << 20)
})
