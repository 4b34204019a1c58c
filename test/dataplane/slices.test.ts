import { expect, test } from 'vitest'
import { PersistentClock, systemClock } from '../../src/clock.ts'
import { NO_FORMER_WORK } from '../../src/dataplane/driver.ts'
import { ThreadHost } from '../../src/dataplane/thread/host.ts'
import type { Report } from '../../src/dataplane/thread/messages.ts'
import { type PackedStatuses, unpackStatuses } from '../../src/dataplane/thread/packing.ts'
import { ForwardingThread } from '../../src/dataplane/thread/thread.ts'
import { noEvents } from '../support/events.ts'
import * as e from './entries.ts'
import { memoryLab } from './memory-lab.ts'

/** Answers late; each slice has the number of requests at that moment. */
const SLOW = `
import { parentPort } from 'node:worker_threads'
let asked = 0
const answered = new Map()
parentPort.on('message', ({ id, call, args: [walk] = [] }) => {
  const answer = (result) => parentPort.postMessage({ type: 'result', id, result })
  if (call === 'slice') {
    asked++
    setTimeout(() => {
      answered.set(walk, (answered.get(walk) ?? 0) + 1)
      answer(answered.get(walk) > 5 ? null : [asked])
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
    for await (const slice of thread.failures()) slices.push(...slice)
  }
  await Promise.all(Array.from({ length: 10 }, walk))
  expect(slices).toEqual(Array(50).fill(1))
  await thread.stop()
})

test('a slice of entries waits for its reader as numbers, not as an object an entry', async () => {
  const lab = memoryLab()
  const reconciler = lab.restart()
  lab.addInterface('tap1')
  const remotes = Array.from({ length: 100 }, (_, i) => e.remote(i))
  for (const entry of [...e.network, ...remotes]) reconciler.want(entry)
  await lab.wait(reconciler.settled(remotes))
  const reports: Report[] = []
  const host = new ThreadHost({
    clock: new PersistentClock(lab.clock, () => {}),
    reconciler,
    driver: lab.driver,
    report: (report) => reports.push(report),
    ended: () => {},
  })
  host.take({ do: 'call', id: 1, call: 'walk', args: ['entries'] })
  host.take({ do: 'call', id: 2, call: 'slice', args: [1] })
  const [slice] = reports.flatMap((one) => (one.type === 'result' && one.id === 2 ? [one.result] : []))
  const { entries } = slice as PackedStatuses
  expect(entries.others.length).toBe(e.network.length)
  const items = [...unpackStatuses(structuredClone(slice as PackedStatuses))]
  expect(items.map(({ entry }) => entry)).toEqual(expect.arrayContaining([...e.network, ...remotes]))
  expect(items.length).toBe(e.network.length + remotes.length)
  expect(new Set(items.map(({ status }) => status.state))).toEqual(new Set(['programmed']))
})
