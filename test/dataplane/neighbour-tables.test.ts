import { pino } from 'pino'
import { beforeEach, expect, test, vi } from 'vitest'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { logged } from '../support/events.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

const ROUND_MS = 10_000

let lab: MemoryLab
let dataplane: Reconciler
let lines: Record<string, unknown>[]

beforeEach(() => {
  lab = memoryLab()
  lines = []
  const { clock, driver } = lab
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  dataplane = new Reconciler({ clock, driver, events: logged(log, clock) })
  driver.kernel.neighbourCounts = new Map([
    ['eth0', 5],
    ['tap1', 1000],
    ['tap2', 19],
  ])
  dataplane.start()
})

/** The counters of both tables become these, and the next round reads them. */
async function round(ipv4: number, ipv6 = 0): Promise<void> {
  lab.driver.kernel.neighbourTables = [
    { family: 'ipv4', refused: ipv4, limit: 1024 },
    { family: 'ipv6', refused: ipv6, limit: 2048 },
  ]
  await lab.clock.run(ROUND_MS)
}

const full = () => [...dataplane.neighbourTables.allFull()]
const newLines = () =>
  lines.splice(0).map(({ level, msg, family, refused, device }) => ({ level, msg, family, refused, device }))

const FULL = {
  family: 'ipv4',
  refused: 20,
  seconds: 10,
  limit: 1024,
  most: { device: 'tap1', entries: 1000 },
}
const BEGUN = 'neighbour table full: the node does not reach new neighbours'

test('a table is full as long as it refuses neighbours, which is logged once', async () => {
  await round(100)
  await round(120)
  expect(full()).toEqual([FULL])
  await round(150)
  expect(full()).toEqual([{ ...FULL, refused: 30 }])
  expect(newLines()).toEqual([{ level: 40, msg: BEGUN, family: 'ipv4', refused: 20, device: 'tap1' }])
  await round(150)
  expect(full()).toEqual([])
  expect(newLines()).toMatchObject([{ level: 30, msg: 'neighbour table is no longer full', family: 'ipv4' }])
})

test('what a table refused before the start is no problem', async () => {
  await round(1_000_000, 1_000_000)
  await round(1_000_000, 1_000_000)
  expect(full()).toEqual([])
  expect(newLines()).toEqual([])
})

test('each table is full of its own', async () => {
  await round(0, 0)
  await round(0, 3)
  expect(full()).toMatchObject([{ family: 'ipv6', refused: 3, limit: 2048 }])
  await round(20, 3)
  expect(full()).toMatchObject([{ family: 'ipv4', refused: 20 }])
})

test('entries are counted only while a table is full', async () => {
  const counts = vi.spyOn(lab.driver, 'neighbourCounts')
  await round(5, 5)
  await round(5, 5)
  expect(counts).not.toHaveBeenCalled()
  await round(6, 5)
  expect(counts.mock.calls).toEqual([['ipv4']])
})

test('no interface is named where none has entries', async () => {
  lab.driver.kernel.neighbourCounts = new Map()
  await round(0)
  await round(20)
  expect(full()).toEqual([{ ...FULL, most: null }])
})

test('a full table is found again after the tables could not be read', async () => {
  await round(0)
  const tables = vi.spyOn(lab.driver, 'neighbourTables').mockImplementation(() => {
    throw new Error('netlink receive: ENOMEM')
  })
  await round(20)
  expect(newLines()).toMatchObject([{ level: 50, msg: 'neighbour tables cannot be read' }])
  tables.mockRestore()
  await round(20)
  expect(full()).toEqual([{ ...FULL, seconds: 20 }])
})

test('nothing is read after the end', async () => {
  await round(0)
  dataplane.stop()
  const tables = vi.spyOn(lab.driver, 'neighbourTables')
  await round(20)
  await round(40)
  expect(tables).not.toHaveBeenCalled()
})
