import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { NO_FORMER_WORK } from '../../src/dataplane/driver.ts'
import { ForwardingThread } from '../../src/dataplane/thread/thread.ts'
import { noEvents } from '../support/events.ts'

/** Answers late; each slice has the number of requests at that moment. */
const SLOW = `
import { parentPort } from 'node:worker_threads'
let asked = 0
const told = new Map()
parentPort.on('message', ({ id, call, args: [walk] = [] }) => {
  const answer = (result) => parentPort.postMessage({ tell: 'result', id, result })
  if (call === 'slice') {
    asked++
    setTimeout(() => {
      told.set(walk, (told.get(walk) ?? 0) + 1)
      answer(told.get(walk) > 5 ? null : [asked])
      asked--
    }, 5)
  } else if (id !== undefined) answer(call === 'walk' ? id : null)
})
`

test('of many lists that are walked at once, one slice is in flight at a time', async () => {
  const options = { former: NO_FORMER_WORK, managesRules: false, resyncMs: 0 }
  const entry = new URL(`data:text/javascript,${encodeURIComponent(SLOW)}`)
  const thread = new ForwardingThread({
    clock: systemClock,
    events: noEvents,
    options,
    entry,
    died: () => {},
  })
  const slices: unknown[] = []
  const walk = async () => {
    for await (const slice of thread.entries()) slices.push(...slice)
  }
  await Promise.all(Array.from({ length: 10 }, walk))
  expect(slices).toEqual(Array(50).fill(1))
  await thread.stop()
})
