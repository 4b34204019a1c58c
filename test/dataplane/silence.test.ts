import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { NO_FORMER_WORK } from '../../src/dataplane/driver.ts'
import { ForwardingThread } from '../../src/dataplane/thread/thread.ts'
import { noEvents } from '../support/events.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Answers at once, but after an odd number of `clear` not before the next. */
const MOODY = `
import { parentPort } from 'node:worker_threads'
let isSilent = false
let asked = []
parentPort.on('message', (order) => {
  if (order.do === 'clear') isSilent = !isSilent
  if (order.do === 'call') asked.push(order)
  if (isSilent) return
  for (const { id, call } of asked) parentPort.postMessage({ type: 'result', id, result: call === 'stop' ? null : { silentSince: null, staleCount: id } })
  asked = []
})
`

let clock: VirtualClock
let thread: ForwardingThread

beforeEach(() => {
  clock = new VirtualClock()
  const options = { former: NO_FORMER_WORK, managesRules: false, resyncMs: 0 }
  const entry = new URL(`data:text/javascript,${encodeURIComponent(MOODY)}`)
  thread = new ForwardingThread({ clock, events: noEvents, options, entry, died: () => {} })
})
afterEach(async () => {
  const stopped = thread.stop()
  clock.advance(10_000)
  await stopped
})

const toggle = () => thread.clear([])
/** The status of a thread that does not answer within `ms`. */
async function late(ms = 1000) {
  const summary = thread.summary([])
  clock.advance(ms)
  return summary
}

test('a thread that ends on request breaks no pending promise', async () => {
  toggle()
  let became = 'open'
  const note = (outcome: string) => () => {
    became = outcome
  }
  void thread.gone([]).then(note('kept'), note('broken'))
  const stopped = thread.stop()
  clock.advance(10_000)
  await stopped
  await (Reflect.get(thread, 'worker') as Worker).terminate()
  expect(became).toBe('open')
})

test('a summary of a kernel that does not answer is the last one, with since when', async () => {
  const last = await thread.summary([])
  expect(last.silentSince).toBeNull()
  clock.advance(60_000)
  toggle()
  const since = clock.epoch()
  expect(await late()).toEqual({ ...last, silentSince: since })
  clock.advance(30_000)
  expect(await late()).toEqual({ ...last, silentSince: since })
  toggle()
  const fresh = await thread.summary([])
  expect(fresh.silentSince).toBeNull()
  expect(fresh.staleCount).toBeGreaterThan(last.staleCount)
  toggle()
  const again = clock.epoch()
  expect((await late()).silentSince).toBe(again)
})
