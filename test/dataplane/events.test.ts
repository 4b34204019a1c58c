import { beforeEach, expect, test } from 'vitest'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { DaemonEvent, EventOf } from '../../src/events/event.ts'
import { refusal } from '../support/refusal.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

let lab: MemoryLab
let dataplane: Reconciler
let events: DaemonEvent[]

beforeEach(() => {
  lab = memoryLab()
  lab.addInterface('tap1')
  events = []
  const { loop, driver } = lab
  dataplane = new Reconciler({
    clock: loop,
    driver,
    events: { emit: (event) => void events.push(event) },
  })
  dataplane.start()
  for (const entry of e.network) dataplane.want(entry)
})

const of = <T extends DaemonEvent['type']>(type: T): EventOf<T>[] =>
  events.filter((event): event is EventOf<T> => event.type === type)
const total = (list: readonly { readonly kinds: Readonly<Record<string, number>> }[], kind: string): number =>
  list.reduce((sum, { kinds }) => sum + (kinds[kind] ?? 0), 0)

test('entries that are programmed and removed are counted by kind, batch by batch', () => {
  for (let i = 1; i <= 1000; i++) dataplane.want(e.remote(i))
  lab.clock.advance(1000)
  const programmed = of('entries-programmed')
  expect(total(programmed, 'remote-mac')).toBe(1000)
  expect(programmed.length).toBeLessThan(10)
  for (let i = 1; i <= 300; i++) dataplane.unwant(e.remote(i))
  lab.clock.advance(1000)
  expect(total(of('entries-removed'), 'remote-mac')).toBe(300)
  dataplane.stop()
})

test('an entry that others change is drifted, then repaired', async () => {
  dataplane.want(e.remote(1))
  await lab.until(() => lab.holds(e.remote(1)))
  lab.overwrite(e.remote(1))
  await lab.until(() => of('entry-repaired').length > 0)
  await lab.clock.run(1000)
  const entry = 'remote-mac 02:00:00:00:00:01 on vx0'
  expect(of('entries-drifted')).toMatchObject([{ count: 1, entry }])
  expect(of('entry-repaired')).toEqual([{ type: 'entry-repaired', kind: 'remote-mac', entry }])
  dataplane.stop()
})

test('of a full table each entry is reported once, though all are tried again and counted', () => {
  lab.driver.fail((op, entry) => op === 'set' && entry.kind === 'remote-mac', refusal('ENOMEM'), 1_000_000)
  for (let i = 1; i <= 2000; i++) dataplane.want(e.remote(i))
  lab.clock.advance(60_000)
  expect(of('entry-failed')).toHaveLength(2000)
  const refused = of('entries-refused')
  expect(total(refused, 'remote-mac')).toBeGreaterThan(8 * 2000)
  expect(refused.length).toBeLessThan(400)
  dataplane.stop()
})
