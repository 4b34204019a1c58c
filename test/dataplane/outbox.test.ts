import { beforeEach, expect, test } from 'vitest'
import { identity } from '../../src/dataplane/kinds/index.ts'
import { CHANGES, type Order } from '../../src/dataplane/thread/messages.ts'
import { Outbox } from '../../src/dataplane/thread/outbox.ts'
import { unpack } from '../../src/dataplane/thread/packing.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import * as e from './entries.ts'

/** What the thread holds as wanted after all that it was sent, and the orders that it got, each with how much was wanted then. */
class FarEnd {
  readonly wanted = new Set<string>()
  readonly orders: (readonly [what: string, wanted: number])[] = []
  batches = 0

  take(order: Order): void {
    if (order.do !== 'change') return void this.orders.push([order.do, this.wanted.size])
    this.batches++
    let i = 0
    for (const entry of unpack(order.entries))
      this.wanted[CHANGES[order.changes[i++]!] === 'want' ? 'add' : 'delete'](identity(entry))
  }
}

const remotes = Array.from({ length: 10_000 }, (_, i) => e.remote(i))

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
  expect(end.wanted.size).toBe(10_000)
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
  expect(end.wanted.size).toBe(6999)
  expect(end.wanted).not.toContain(identity(e.remote(7)))
  expect(end.orders).toEqual([['complete', 6999]])
})
