import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { PersistentClock } from '../../src/clock.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { identity, KINDS } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { ThreadHost } from '../../src/dataplane/thread/host.ts'
import type { Order } from '../../src/dataplane/thread/messages.ts'
import { Outbox } from '../../src/dataplane/thread/outbox.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { anyEntry } from './any-entry.ts'
import * as e from './entries.ts'
import { memoryLab } from './memory-lab.ts'

const remotes = Array.from({ length: 10_000 }, (_, i) => e.remote(i))

/** The thread's end of the messages, which takes changes and keeps orders, each with how many of `remotes` were wanted then. */
class FarEnd {
  readonly orders: (readonly [what: string, wanted: number])[] = []
  batches = 0
  private readonly reconciler: Reconciler
  private readonly host: ThreadHost

  constructor() {
    const { clock, driver, restart } = memoryLab()
    this.reconciler = restart()
    this.host = new ThreadHost({
      clock: new PersistentClock(clock, () => {}),
      reconciler: this.reconciler,
      driver,
      report: ({ type }) => {
        if (type === 'taken') this.batches++
      },
      ended: () => {},
    })
  }

  take(order: Order): void {
    if (order.do === 'change' || order.do === 'unwant') this.host.take(structuredClone(order))
    else this.orders.push([order.do, this.wanted(remotes).length])
  }

  /** Those of `entries` that are wanted. */
  wanted(entries: readonly Entry[]): Entry[] {
    return entries.filter((entry) => this.reconciler.wants(entry))
  }
}

let clock: VirtualClock
let end: FarEnd
let outbox: Outbox

beforeEach(() => {
  clock = new VirtualClock()
  end = new FarEnd()
  outbox = new Outbox(clock, (order) => end.take(order), { underway: 2, kept: 2048 })
})

async function takeAll(): Promise<void> {
  for (let taken = 0; taken < end.batches; taken++) {
    outbox.taken()
    await clock.run(0)
  }
}

test('an order comes behind what was wanted before it, and before what is wanted later', async () => {
  for (let i = 0; i < 8000; i++) outbox.change(remotes[i]!, 'want')
  outbox.order({ do: 'start' })
  for (let i = 8000; i < 10_000; i++) outbox.change(remotes[i]!, 'want')
  await takeAll()
  expect(end.orders).toEqual([['start', expect.toSatisfy((wanted: number) => wanted >= 8000)]])
  expect(end.wanted(remotes).length).toBe(10_000)
})

test('changes that a thread does not take are kept once an entry, the last one', async () => {
  for (let i = 0; i < 7000; i++) outbox.change(remotes[i]!, 'want')
  for (let round = 0; round < 6; round++)
    for (let i = 0; i < 7000; i++) outbox.change(remotes[i]!, round % 2 === 1 ? 'want' : 'unwant')
  outbox.change(e.remote(7), 'unwant')
  outbox.order({ do: 'complete' })
  expect(outbox.size).toBeLessThan(14_001)
  await takeAll()
  expect(outbox.size).toBe(0)
  expect(end.wanted(remotes).length).toBe(6999)
  expect(end.wanted([e.remote(7)])).toEqual([])
  expect(end.orders).toEqual([['complete', 6999]])
})

test('entries that are unwanted together go, and no others, whatever their kinds and devices', async () => {
  const some = fc.array(fc.constantFrom(...KINDS).chain(anyEntry), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(some, some, some, async (stay, go, strangers) => {
      const far = new FarEnd()
      const near = new Outbox(clock, (order) => far.take(order))
      for (const entry of [...stay, ...go]) near.change(entry, 'want')
      await clock.run(0)
      for (const entry of [...strangers, ...go]) near.change(entry, 'unwant')
      await clock.run(0)
      const gone = new Set([...strangers, ...go].map(identity))
      expect(far.wanted([...stay, ...go])).toEqual(stay.filter((entry) => !gone.has(identity(entry))))
      expect(far.batches).toBe(Number(stay.length + go.length > 0) + Number(strangers.length + go.length > 0))
    }),
    { seed: 1, numRuns: 300 },
  )
})
