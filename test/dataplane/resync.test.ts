import { pino } from 'pino'
import { beforeEach, expect, test, vi } from 'vitest'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { logged } from '../support/events.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

const RESYNC_MS = 300_000
const STEP_MS = 10

let lab: MemoryLab
let dataplane: Reconciler
let warnings: string[]

beforeEach(async () => {
  lab = memoryLab()
  lab.addInterface('tap1')
  warnings = []
  const { clock, driver } = lab
  driver.watch = () => {} // it gets no notification
  const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) })
  dataplane = new Reconciler({ clock, driver, events: logged(log, clock), resyncMs: RESYNC_MS })
  dataplane.start()
  for (const entry of [...e.network, e.remote(2)]) dataplane.want(entry)
  await lab.until(() => lab.holds(e.remote(2)))
})

test('drift without a notification is repaired after each interval, and reported once each time', async () => {
  for (let round = 1; round <= 3; round++) {
    lab.forget(e.remote(2))
    await lab.clock.run(RESYNC_MS - 1000)
    expect(lab.holds(e.remote(2))).toBe(false)
    await lab.clock.run(1000)
    expect(lab.holds(e.remote(2))).toBe(true)
    expect(warnings).toHaveLength(round)
    expect(warnings.at(-1)).toContain('missing: remote-mac 02:00:00:00:00:02 on vx0')
  }
})

test('without drift nothing is reported, and the time of the comparison is known', async () => {
  expect(dataplane.verifier.last).toBeNull()
  await lab.clock.run(RESYNC_MS + 1000)
  expect(warnings).toEqual([])
  const { at, ...counts } = dataplane.verifier.last!
  expect(counts).toEqual({ entries: 5, faults: 0 })
  expect(lab.clock.epoch() - at).toBeLessThan(2000)
})

test('another interval begins when it is set; 0 ends the comparisons', async () => {
  const repairedWithin = async (ms: number) => {
    lab.forget(e.remote(2))
    await lab.clock.run(ms)
    return lab.holds(e.remote(2))
  }
  await lab.clock.run(RESYNC_MS - 1000)
  dataplane.setResync(2 * RESYNC_MS)
  expect(await repairedWithin(2 * RESYNC_MS - 1000)).toBe(false)
  expect(await repairedWithin(1000)).toBe(true)
  dataplane.setResync(1000)
  expect(await repairedWithin(1000)).toBe(true)
  dataplane.setResync(0)
  expect(await repairedWithin(10 * RESYNC_MS)).toBe(false)
})

test('nothing happens after the end', async () => {
  lab.forget(e.remote(2))
  dataplane.stop()
  await lab.clock.run(10 * RESYNC_MS)
  expect(lab.holds(e.remote(2))).toBe(false)
})

/** Has the kernel take its time for each step of a dump of a device; the result is the time in all. */
function slowDown(): () => number {
  let worked = 0
  const { clock, driver } = lab
  const now = clock.now.bind(clock)
  vi.spyOn(clock, 'now').mockImplementation(() => now() + worked)
  const dump = driver.dump.bind(driver)
  vi.spyOn(driver, 'dump').mockImplementation(function* (device) {
    for (const observedEntries of dump(device)) {
      worked += STEP_MS
      yield observedEntries
    }
  })
  return () => worked
}

test('it rests after each step, so that it takes a twentieth of a CPU', async () => {
  await lab.clock.run(RESYNC_MS - 1)
  const worked = slowDown()
  const begun = lab.clock.epoch()
  await lab.until(() => dataplane.verifier.last !== null)
  expect(worked()).toBeGreaterThan(0)
  expect(lab.clock.epoch() - begun).toBeGreaterThanOrEqual(19 * worked())
})

test('a requested comparison makes no pauses', async () => {
  await lab.clock.run(RESYNC_MS - 1)
  const worked = slowDown()
  await lab.until(() => worked() > 0)
  const begun = lab.clock.epoch()
  await lab.wait(dataplane.verifier.verify())
  expect(lab.clock.epoch() - begun).toBeLessThan(STEP_MS)
})

test('an entry that is right in the second dump is no fault', async () => {
  const { driver } = lab
  const dump = driver.dump.bind(driver)
  let dumps = 0
  vi.spyOn(driver, 'dump').mockImplementation((device) => {
    if (device === 'vx0' && ++dumps === 2) lab.overwrite(e.remote(2), true)
    return dump(device)
  })
  lab.forget(e.remote(2))
  expect(await lab.wait(dataplane.verifier.verify())).toMatchObject({ missing: 0, different: 0, faults: [] })
  expect(dumps).toBe(2)
})

test('nor is another fault of the same entry, until the next comparison', async () => {
  const { driver } = lab
  const dump = driver.dump.bind(driver)
  let dumps = 0
  vi.spyOn(driver, 'dump').mockImplementation((device) => {
    if (device === 'vx0' && ++dumps === 2) lab.overwrite(e.remote(2, '192.0.2.66'), true)
    return dump(device)
  })
  lab.forget(e.remote(2))
  expect(await lab.wait(dataplane.verifier.verify())).toMatchObject({ missing: 0, different: 0, faults: [] })
  expect(await lab.wait(dataplane.verifier.verify())).toMatchObject({ missing: 0, different: 1 })
})

test('a network that goes and comes back while it is compared is what is wanted then', async () => {
  const all = [...e.network, e.local(1), e.remote(2)]
  await lab.clock.run(RESYNC_MS - 1)
  const worked = slowDown()
  await lab.until(() => worked() > 0)
  expect(dataplane.verifier.last).toBeNull()
  for (const entry of all) dataplane.unwant(entry)
  await lab.wait(dataplane.gone(all))
  for (const entry of all) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(all))).toEqual([])
  dataplane.complete()
  await lab.until(() => dataplane.verifier.last !== null)
  await lab.clock.run(1000)
  expect(all.filter((entry) => !lab.holds(entry) || !dataplane.wants(entry))).toEqual([])
  expect(await lab.wait(dataplane.verifier.orphans())).toEqual([])
})
