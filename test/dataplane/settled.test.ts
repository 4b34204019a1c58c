import { describe, expect, test, vi } from 'vitest'
import { dataplane, everything, lab, reported, restart, want } from './engine-setup.ts'
import * as e from './entries.ts'

test('an entry that another program removed during the first dump can be wanted', async () => {
  await want(
    ...everything,
    ...Array.from({ length: 1000 }, (_, i) => e.neighbour(`10.1.${i >> 8}.${i & 255}`, i)),
  )
  restart()
  const dump = vi.spyOn(lab.driver, 'dump')
  dataplane.want(e.bridge)
  lab.clock.soon(() => lab.forget(e.neighbour('10.0.0.2', 2)))
  await lab.calm()
  expect(dump).toHaveBeenCalled()
  await want(e.neighbour('10.0.0.2', 2))
  expect(lab.holds(e.neighbour('10.0.0.2', 2))).toBe(true)
})

describe('settled', () => {
  test('resolves when all was tried, and not before', async () => {
    await want(e.bridge, e.vxlan, e.vxlanPort)
    const many = Array.from({ length: 1000 }, (_, i) => e.remote(i + 1))
    for (const entry of many) dataplane.want(entry)
    const pending = dataplane.settled(many).then(() => dataplane.statuses.counts().pending)
    expect(await lab.wait(pending)).toBe(0)
  })

  test('does not wait for what is wanted later', async () => {
    await want(e.bridge, e.vxlan, e.vxlanPort)
    dataplane.want(e.remote(1))
    const many = Array.from({ length: 1000 }, (_, i) => e.remote(i + 2))
    const pending = dataplane.settled([e.remote(1)]).then(() => dataplane.statuses.counts().pending)
    for (const entry of many) dataplane.want(entry)
    expect(await lab.wait(pending)).toBeGreaterThan(0)
  })

  test('resolves with entries that are not desired', async () => {
    await want(...everything)
    const status = { state: 'pending', reason: 'not wanted' }
    expect(await lab.wait(dataplane.settled([e.remote(99), e.local(1)]))).toMatchObject([
      { entry: e.remote(99), status },
    ])
  })

  test('resolves when the entry is unwanted before its turn', async () => {
    dataplane.want(e.bridge)
    const settled = dataplane.settled([e.bridge])
    dataplane.unwant(e.bridge)
    expect(await lab.wait(settled)).toMatchObject([{ status: { reason: 'not wanted' } }])
  })

  test('resolves when the reconciler stops', async () => {
    dataplane.want(e.bridge)
    const settled = dataplane.settled([e.bridge])
    dataplane.stop()
    expect(await settled).toMatchObject([{ entry: e.bridge, status: { state: 'pending' } }])
  })

  test('waits for the first dump of a device', async () => {
    await want(...everything, ...Array.from({ length: 1000 }, (_, i) => e.remote(1000 + i)))
    restart()
    reported.length = 0
    expect(await want(...everything)).toEqual([])
    expect(reported).toEqual([])
  })
})

test('nothing is kept of what is not wanted any more', async () => {
  await want(...everything)
  lab.deleteLink('tap1')
  await lab.calm()
  for (const entry of everything) dataplane.unwant(entry)
  dataplane.unwant(e.local(77))
  lab.clock.advance(120_000)
  expect(dataplane['devices'].all.size).toBe(0)
  expect([...dataplane['exceptions']]).toEqual([])
  expect([...dataplane.statuses.entries()]).toEqual([])
})

test('nothing is kept of an external device that went before its entries were unwanted', async () => {
  lab.addBridge('br9')
  lab.enslave('tap1', 'br9')
  expect(await want(e.local(1))).toEqual([])
  lab.deleteLink('tap1')
  await lab.calm()
  dataplane.unwant(e.local(1))
  await lab.calm()
  expect(dataplane['devices'].all.size).toBe(0)
})

test('entries to remove are counted until they are gone', async () => {
  const many = Array.from({ length: 1000 }, (_, i) => e.remote(1000 + i))
  await want(...everything, ...many)
  const since = lab.clock.epoch()
  for (const entry of [...many, ...everything]) dataplane.unwant(entry)
  expect(dataplane.statuses.removing()).toEqual({ count: 1008, since })
  await lab.wait(dataplane.gone([...many, ...everything]))
  expect(dataplane.statuses.removing()).toEqual({ count: 0, since: null })
  await want(...everything)
  expect(dataplane.statuses.removing()).toEqual({ count: 0, since: null })
  lab.clock.advance(1000)
  dataplane.unwant(e.remote(2))
  expect(dataplane.statuses.removing()).toEqual({ count: 1, since: lab.clock.epoch() })
})
