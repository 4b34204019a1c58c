import { describe, expect, test, vi } from 'vitest'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { refusal } from '../support/refusal.ts'
import { dataplane, everything, lab, restart, want } from './engine-setup.ts'
import * as e from './entries.ts'

describe('a failing entry', () => {
  const refused = refusal('ENOMEM', 'out of everything')
  const reason = refused.text

  test('is retried with a growing delay, up to a minute, and blocks no other entry', async () => {
    const tries: number[] = []
    lab.driver.fail(
      (op, entry) => {
        const matches = op === 'set' && identity(entry) === identity(e.remote(2))
        if (matches) tries.push(lab.clock.now())
        return matches
      },
      refused,
      Number.POSITIVE_INFINITY,
    )
    const open = await want(...everything)
    const errno = { name: 'ENOMEM', number: 12 }
    const since = lab.clock.epoch()
    const failed = { state: 'failed', reason, code: 'KERNEL_REFUSED', errno, since }
    const [first] = open
    expect(open).toMatchObject([{ entry: e.remote(2), status: { ...failed, attempts: 1 } }])
    expect(first!.status.nextTry! - since).toBe(100)
    expect(dataplane.statuses.counts()).toEqual({ wanted: 8, programmed: 7, pending: 0, failed: 1 })
    lab.clock.advance(300_000)
    const delays = tries.slice(1).map((at, i) => at - (tries[i] ?? 0))
    expect(delays.slice(0, 11)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000])
    const last = dataplane.status(e.remote(2))
    expect(last).toMatchObject({ ...failed, attempts: tries.length })
    expect(last.nextTry! - lab.clock.epoch()).toBe(tries.at(-1)! + 60_000 - lab.clock.now())
    expect([...dataplane.statuses.failures()]).toHaveLength(1)
  })

  test('is programmed once the kernel accepts it', async () => {
    lab.driver.fail((_op, entry) => entry.kind === 'neighbour', refused, 3)
    expect(await want(...everything)).toHaveLength(1)
    lab.clock.advance(700)
    expect(dataplane.status(e.neighbour('10.0.0.2', 2))).toEqual({
      state: 'programmed',
      reason: null,
      code: null,
      errno: null,
      attempts: 0,
      since: null,
      nextTry: null,
    })
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 8, failed: 0 })
  })

  test('is tried at once when it is wanted again', async () => {
    lab.driver.fail((_op, entry) => entry.kind === 'neighbour', refused, 1)
    expect(await want(...everything)).toHaveLength(1)
    expect(await want(...everything)).toEqual([])
  })

  test('does not come back when it is not wanted any more', async () => {
    lab.driver.fail((op, entry) => op === 'set' && entry.kind === 'neighbour', refused, 1)
    await want(...everything)
    dataplane.unwant(e.neighbour('10.0.0.2', 2))
    lab.clock.advance(300_000)
    expect(lab.holds(e.neighbour('10.0.0.2', 2))).toBe(false)
    expect([...dataplane.statuses.failures()]).toEqual([])
  })

  test('is forgotten where a port could not be taken out of its bridge, and has gone with its link since', async () => {
    lab.driver.fail((op, entry) => op === 'remove' && entry.kind === 'port', refused, 1)
    const all = [e.bridge, e.vxlan, e.vxlanPort]
    expect(await want(...all)).toEqual([])
    dataplane.unwant(e.vxlanPort)
    lab.clock.advance(50)
    expect(dataplane.statuses.unremovedCount()).toBe(1)
    for (const entry of [e.vxlan, e.bridge]) dataplane.unwant(entry)
    lab.clock.advance(300_000)
    expect(lab.indexOf('vx0')).toBeUndefined()
    expect([...dataplane.statuses.failures()]).toEqual([])
  })

  test.each([
    ['a link', e.vxlan],
    ['a port', e.vxlanPort],
  ])('%s fails with all that is behind it, and recovers with it', async (_what, culprit) => {
    lab.driver.fail((op, entry) => op === 'set' && identity(entry) === identity(culprit), refused, 2)
    const open = await want(...everything)
    expect(open.map(({ entry }) => entry.kind).sort()).toEqual(
      culprit === e.vxlan ? ['flood', 'port', 'remote-mac', 'vxlan'] : ['flood', 'port', 'remote-mac'],
    )
    expect(new Set(open.map(({ status }) => status.reason))).toEqual(new Set([reason]))
    lab.clock.advance(400)
    for (const entry of everything) expect(lab.holds(entry)).toBe(true)
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 8, failed: 0, pending: 0 })
  })

  test('a removal that fails is reported and retried', async () => {
    await want(...everything)
    lab.driver.fail((op) => op === 'remove', refused, 3)
    dataplane.unwant(e.remote(2))
    await lab.until(() => [...dataplane.statuses.failures()].length > 0)
    expect([...dataplane.statuses.failures()]).toMatchObject([{ entry: e.remote(2), status: { reason } }])
    lab.clock.advance(1000)
    expect(lab.holds(e.remote(2))).toBe(false)
    expect([...dataplane.statuses.failures()]).toEqual([])
  })

  test('a removal that fails is retried though the entry becomes unwanted once more', async () => {
    await want(...everything)
    lab.driver.fail((op) => op === 'remove', refused, 3)
    dataplane.unwant(e.remote(2))
    await lab.until(() => [...dataplane.statuses.failures()].length > 0)
    dataplane.unwant(e.remote(2))
    dataplane.unwantAll('remote-mac', 'vx0', [e.remote(2).mac])
    dataplane.release(e.remote(2))
    expect([...dataplane.statuses.failures()]).toMatchObject([{ entry: e.remote(2), status: { reason } }])
    lab.clock.advance(1000)
    expect(lab.holds(e.remote(2))).toBe(false)
    expect([...dataplane.statuses.failures()]).toEqual([])
  })

  test('a removal that fails is retried also while the port fails', async () => {
    await want(...everything)
    dataplane.unwant(e.bridge)
    lab.deleteLink('br0')
    await lab.until(() => dataplane.status(e.vxlanPort).state === 'failed')
    lab.driver.fail((op, entry) => op === 'remove' && entry.kind === 'flood', refused, 1)
    dataplane.unwant(e.flood('192.0.2.2'))
    lab.clock.advance(1000)
    expect(lab.holds(e.flood('192.0.2.2'))).toBe(false)
  })

  test('a bridge stays until its port is out', async () => {
    await want(...everything)
    const masters: (string | null | undefined)[] = []
    const noteMaster = (op: string, entry: Entry): boolean => {
      if (op === 'remove' && entry.kind === 'bridge') masters.push(lab.driver.link('tap1')?.master)
      return false
    }
    lab.driver.fail(noteMaster, refused)
    lab.driver.fail((op, entry) => op === 'remove' && identity(entry) === identity(e.tapPort), refused, 3)
    for (const entry of everything) dataplane.unwant(entry)
    await lab.until(() => lab.indexOf('br0') === undefined)
    expect(masters).toEqual([null])
    expect(lab.driver.link('tap1')).toMatchObject({ up: false })
  })

  test('a link whose removal fails is removed later', async () => {
    await want(e.bridge)
    lab.driver.fail((op) => op === 'remove', refused, 2)
    dataplane.unwant(e.bridge)
    lab.clock.advance(1000)
    expect(lab.indexOf('br0')).toBeUndefined()
  })
})

test('a device that cannot be read is reported, and read later', async () => {
  await want(...everything)
  restart()
  const dump = vi.spyOn(lab.driver, 'dump').mockImplementation(function* () {
    yield []
    throw new Error('EIO: unreadable')
  })
  const open = await want(e.bridge, e.neighbour('10.0.0.2', 2))
  expect(open).toMatchObject([
    { entry: e.neighbour('10.0.0.2', 2), status: { state: 'failed', reason: 'EIO: unreadable' } },
  ])
  lab.clock.advance(10_000)
  expect(dump.mock.calls.length).toBeLessThan(10)
  dump.mockRestore()
  lab.clock.advance(60_000)
  expect(dataplane.statuses.counts()).toMatchObject({ programmed: 2, failed: 0 })
})

test('a fault in the driver is reported, and its request is tried again', async () => {
  await want(...everything)
  const set = vi.spyOn(lab.driver, 'set').mockImplementation(() => {
    throw new Error('EMFILE')
  })
  dataplane.want(e.remote(3))
  lab.clock.advance(2900)
  expect(lab.loop.faults).toMatchObject({ count: 3, open: { reason: 'EMFILE' } })
  set.mockRestore()
  lab.clock.advance(1000)
  expect(lab.loop.faults).toEqual({ count: 3, open: null })
  expect(lab.holds(e.remote(3))).toBe(true)
})

test('a sweep that fails is tried again', async () => {
  await want(...everything)
  vi.spyOn(lab.driver, 'sweep').mockImplementationOnce(() => {
    throw new Error('EMFILE')
  })
  dataplane.complete()
  lab.clock.advance(1)
  expect(lab.loop.faults.open).not.toBeNull()
  lab.clock.advance(1000)
  expect(lab.driver.sweep).toHaveBeenCalledTimes(2)
  expect(lab.loop.faults.open).toBeNull()
})
