import { beforeEach, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

let lab: MemoryLab
let dataplane: Reconciler

beforeEach(async () => {
  lab = memoryLab()
  dataplane = lab.restart()
  lab.addInterface('tap1')
  for (const entry of e.network) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(e.network))).toEqual([])
})

const outages = () => [...dataplane.statuses.outages()]

test.each([
  ['down', { up: false, carrier: false }],
  ['no carrier', { carrier: false }],
])(
  'a port that is attached and passes no traffic is reported, with since when: %s',
  async (reason, traits) => {
    expect(outages()).toEqual([])
    lab.clock.advance(5000)
    const since = lab.clock.epoch()
    lab.driver.kernel.changeLink('tap1', traits)
    await lab.until(() => outages().length > 0)
    expect(outages()).toEqual([{ port: 'tap1', reason, since }])
    lab.clock.advance(5000)
    lab.driver.kernel.changeLink('tap1', { up: true, carrier: true })
    await lab.until(() => outages().length === 0)
  },
)

test('a port that goes from no carrier to down passes no traffic since the first', async () => {
  const since = lab.clock.epoch()
  lab.driver.kernel.changeLink('tap1', { carrier: false })
  await lab.until(() => outages()[0]?.reason === 'no carrier')
  lab.clock.advance(5000)
  lab.driver.kernel.changeLink('tap1', { up: false })
  await lab.until(() => outages()[0]?.reason === 'down')
  expect(outages()).toEqual([{ port: 'tap1', reason: 'down', since }])
})

test('a port passes no traffic as long as the external bridge that it is in is down', async () => {
  lab.addBridge('br9')
  lab.addInterface('tap9')
  const entries = [
    { ...e.bridge, device: 'br9', external: true },
    { ...e.tapPort, device: 'tap9', bridge: 'br9', external: true },
  ]
  for (const entry of entries) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(entries))).toEqual([])
  expect(outages()).toEqual([])
  const since = lab.clock.epoch()
  lab.setDown('br9')
  await lab.until(() => outages().length > 0)
  expect(outages()).toEqual([{ port: 'tap9', reason: 'br9 is down', since }])
  lab.setUp('br9')
  await lab.until(() => outages().length === 0)
})

test('an unwanted port and an owned device have no outage', async () => {
  lab.driver.kernel.changeLink('tap1', { carrier: false })
  lab.driver.kernel.changeLink('vx0', { carrier: false })
  await lab.until(() => outages().length > 0)
  expect(outages()).toMatchObject([{ port: 'tap1' }])
  dataplane.unwant(e.tapPort)
  await lab.until(() => outages().length === 0)
})
