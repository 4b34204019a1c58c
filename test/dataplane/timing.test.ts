import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { refusal } from '../support/refusal.ts'
import * as e from './entries.ts'
import * as ip from './ip-entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

let lab: MemoryLab
let dataplane: Reconciler
/** The sets and removals that the driver got, in order. */
let told: string[]

beforeEach(() => {
  lab = memoryLab()
  told = []
  const { driver } = lab
  for (const op of ['set', 'remove'] as const) {
    const original = driver[op].bind(driver)
    vi.spyOn(driver, op).mockImplementation((entries) => {
      told.push(...entries.map((entry) => `${op} ${identity(entry)}`))
      return original(entries)
    })
    const name = op === 'set' ? 'setDevice' : 'removeDevice'
    const originalDevice = driver[name].bind(driver)
    vi.spyOn(driver, name).mockImplementation((entry) => {
      told.push(`${op} ${identity(entry)}`)
      return originalDevice(entry)
    })
  }
  dataplane = lab.restart()
  lab.addInterface('tap1')
})

async function want(...entries: Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  return lab.wait(dataplane.settled(entries))
}

const everything: Entry[] = [
  e.neighbour('10.0.0.2', 2),
  e.remote(2),
  e.flood('192.0.2.2'),
  e.local(1),
  e.tapPort,
  e.vxlanPort,
  e.vxlan,
  e.bridge,
]

describe('adoption', () => {
  const entries = () => everything.filter(({ kind }) => !['bridge', 'vxlan', 'port'].includes(kind))

  test('a device that is wanted only after completion keeps what it held until its routes had a chance', async () => {
    await want(...everything)
    dataplane = lab.restart()
    dataplane.complete()
    await want(e.bridge, e.vxlan, e.vxlanPort, e.tapPort)
    lab.clock.advance(59_000)
    for (const entry of entries()) expect(lab.holds(entry)).toBe(true)
    dataplane.want(e.remote(2))
    lab.clock.advance(2_000)
    expect(entries().filter((entry) => lab.holds(entry))).toEqual([e.remote(2)])
  })

  test('an entry that goes during a dump is programmed', async () => {
    const routed = [ip.red, ip.port(), ip.route('10.0.0.5/32', ['tap1'])]
    lab.setUp('tap1')
    await want(...routed)
    dataplane = lab.restart()
    const observe = lab.driver.dump.bind(lab.driver)
    vi.spyOn(lab.driver, 'dump').mockImplementation(function* (device) {
      yield* observe(device)
      if (device !== ip.red.device) return
      lab.setDown('tap1')
      lab.setUp('tap1')
      yield []
    })
    expect(await want(...routed)).toEqual([])
    await lab.calm()
    expect(routed.filter((entry) => !lab.holds(entry))).toEqual([])
  })
})

describe('order', () => {
  test('links, ports, then entries; removals in reverse', async () => {
    await want(...everything)
    const sets = [
      'link br0',
      'link vx0',
      'port vx0',
      'port tap1',
      'local-mac 02:00:00:00:00:01 on tap1',
      'flood to 192.0.2.2 vni 100 on vx0',
      'remote-mac 02:00:00:00:00:02 on vx0',
      'neighbour 10.0.0.2 on br0',
    ]
    expect(told).toEqual(sets.map((text) => `set ${text}`))

    told = []
    for (const entry of everything) dataplane.unwant(entry)
    await lab.calm()
    const removals = told.map((text) => text.replace('remove ', ''))
    expect(removals.slice(0, 4)).toEqual(sets.slice(4).toReversed())
    expect(removals.slice(4).sort()).toEqual(['link br0', 'link vx0', 'port tap1'])
  })

  test('an entry with a refused removal is not gone, though nothing else of its device is left to do', async () => {
    const address = ip.address('10.0.0.1/24')
    await want(ip.red, ip.port(), address)
    lab.driver.fail((op, entry) => op === 'remove' && entry.kind === 'address', refusal('ENOBUFS', 'no room'))
    for (const entry of [ip.port(), address]) dataplane.unwant(entry)
    await lab.wait(dataplane.gone([ip.port(), address]))
    expect(lab.holds(address)).toBe(false)
  })

  test('sets go before removals', async () => {
    await want(...everything)
    told = []
    dataplane.unwant(e.remote(2))
    await want(e.remote(3))
    await lab.calm()
    expect(told).toEqual([`set ${identity(e.remote(3))}`, `remove ${identity(e.remote(2))}`])
  })

  test('an attachment does not wait for a bulk of remote entries', async () => {
    await want(e.bridge, e.vxlan, e.vxlanPort)
    const many = Array.from({ length: 10_000 }, (_, i) => e.remote(1000 + i))
    for (const entry of many) dataplane.want(entry)
    lab.clock.soon(() => {
      dataplane.want(e.tapPort)
      dataplane.want(e.local(1))
    })
    expect(await lab.wait(dataplane.settled(many))).toEqual([])
    const remote = told.flatMap((text, i) => (text.startsWith('set remote-mac') ? [i] : []))
    expect(remote).toHaveLength(10_000)
    expect(told.indexOf(`set ${identity(e.local(1))}`)).toBeLessThan(remote[600] ?? 0)
  })
})

describe('requests to the kernel', () => {
  test('is only what changes', async () => {
    await want(...everything)
    told = []
    await want(...everything)
    await lab.calm()
    expect(told).toEqual([])
  })

  test('is the last word where an entry changes twice', async () => {
    await want(...everything)
    told = []
    dataplane.want(e.remote(2, '192.0.2.8'))
    await want(e.remote(2, '192.0.2.9'))
    expect(lab.holds(e.remote(2, '192.0.2.9'))).toBe(true)
    dataplane.want(e.remote(4))
    dataplane.unwant(e.remote(4))
    await lab.calm()
    expect(told).not.toContain(`set ${identity(e.remote(4))}`)
  })

  test('yields to others between batches', async () => {
    await want(e.bridge, e.vxlan, e.vxlanPort)
    vi.mocked(lab.driver.set).mockClear()
    const many = Array.from({ length: 1000 }, (_, i) => e.remote(i + 1))
    let turns = 0
    const tick = () => {
      turns++
      if (dataplane.statuses.counts().pending > 0) lab.clock.soon(tick)
    }
    for (const entry of many) dataplane.want(entry)
    lab.clock.soon(tick)
    await lab.wait(dataplane.settled(many))
    expect(turns).toBeGreaterThanOrEqual(3)
    expect(Math.max(...vi.mocked(lab.driver.set).mock.calls.map(([batch]) => batch.length))).toBe(256)
  })
})

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

  test('a link whose removal fails is removed later', async () => {
    await want(e.bridge)
    lab.driver.fail((op) => op === 'remove', refused, 2)
    dataplane.unwant(e.bridge)
    lab.clock.advance(1000)
    expect(lab.indexOf('br0')).toBeUndefined()
  })
})

describe('a missing device is noticed at once when it appears, after any time', () => {
  async function comesAtOnce(entry: Entry, come: () => void): Promise<void> {
    expect(await want(entry)).toHaveLength(1)
    lab.clock.advance(300_000)
    const from = lab.clock.now()
    come()
    await lab.until(() => lab.holds(entry))
    expect(lab.clock.now()).toBe(from)
  }

  test('an interface', async () => {
    await want(e.bridge)
    await comesAtOnce({ ...e.tapPort, device: 'tap2' }, () => lab.addInterface('tap2'))
  })

  test('a bridge of ours', () => comesAtOnce(e.tapPort, () => dataplane.want(e.bridge)))

  test('an external bridge', () => comesAtOnce(e.tapPort, () => lab.addBridge('br0')))

  test('a place in a bridge', async () => {
    lab.addBridge('br9')
    await comesAtOnce(e.local(1), () => lab.enslave('tap1', 'br9'))
  })
})

describe('a program that changes the same entry over and over', () => {
  test('is answered at once first, then ever more slowly', async () => {
    await want(...everything)
    const heals: number[] = []
    for (let i = 0; i < 6; i++) {
      const from = lab.clock.now()
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
      heals.push(lab.clock.now() - from)
    }
    expect(heals).toEqual([0, 100, 200, 400, 800, 1600])
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 8 })
  })

  test('is forgotten after a quiet minute', async () => {
    await want(...everything)
    for (let i = 0; i < 3; i++) {
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
    }
    lab.clock.advance(61_000)
    const from = lab.clock.now()
    lab.forget(e.remote(2))
    await lab.until(() => lab.holds(e.remote(2)))
    expect(lab.clock.now()).toBe(from)
  })

  test('does not slow down the healing of other entries', async () => {
    await want(...everything, e.remote(3))
    for (let i = 0; i < 5; i++) {
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
    }
    const from = lab.clock.now()
    lab.forget(e.remote(3))
    await lab.until(() => lab.holds(e.remote(3)))
    expect(lab.clock.now()).toBe(from)
  })

  test('is reported as failed when that has gone on for long', async () => {
    await want(...everything)
    for (let i = 0; i < 5; i++) {
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
    }
    expect([...dataplane.statuses.failures()]).toEqual([])
    lab.forget(e.remote(2))
    lab.clock.advance(100)
    expect([...dataplane.statuses.failures()]).toMatchObject([
      {
        entry: e.remote(2),
        status: { attempts: 6, reason: expect.stringContaining('another program changed') },
      },
    ])
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 7, pending: 0, failed: 1 })
    await lab.until(() => lab.holds(e.remote(2)))
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 8 })
  })

  test.each([
    ['another MAC address', (i: number) => lab.driver.kernel.changeLink('br0', { mac: e.mac(100 - i) })],
    ['a moment without carrier', () => lab.setDown('br0')],
  ])('is not who has a device lose its entries, by %s', async (_what, happens) => {
    await want(...everything)
    const entry = e.neighbour('10.0.0.2', 2)
    for (let i = 0; i < 12; i++) {
      lab.forget(entry)
      happens(i)
      const from = lab.clock.now()
      await lab.until(() => lab.holds(entry))
      expect(lab.clock.now() - from).toBeLessThanOrEqual(100)
      await lab.until(() => lab.holds(e.bridge))
    }
  })

  test('shows as pending meanwhile', async () => {
    await want(...everything)
    lab.forget(e.remote(2))
    await lab.until(() => lab.holds(e.remote(2)))
    lab.forget(e.remote(2))
    const since = lab.clock.epoch()
    lab.clock.advance(50)
    expect(dataplane.status(e.remote(2))).toEqual({
      state: 'pending',
      reason: 'changed by another program',
      code: 'DRIFTED',
      errno: null,
      attempts: 0,
      since,
      nextTry: since + 100,
    })
    expect(dataplane.statuses.waitingSince()).toBe(since)
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 7, pending: 1 })
  })
})

describe('lost notifications', () => {
  function loseUnheard(change: () => void): void {
    change()
    lab.driver.overrun()
  }

  test('make every device be dumped again', async () => {
    await want(...everything)
    loseUnheard(() => {
      lab.forget(e.remote(2))
      lab.overwrite(e.neighbour('10.0.0.2', 9))
      lab.enslave('tap1', null)
      lab.setDown('br0')
    })
    expect(lab.holds(e.remote(2))).toBe(false)
    lab.clock.advance(100)
    for (const entry of everything) expect(lab.holds(entry)).toBe(true)
  })

  test('lead to the next look ever later, but not when they are rare', async () => {
    await want(...everything)
    const delays: number[] = []
    for (let i = 0; i < 4; i++) {
      const from = lab.clock.now()
      loseUnheard(() => lab.forget(e.remote(2)))
      await lab.until(() => lab.holds(e.remote(2)))
      delays.push(lab.clock.now() - from)
    }
    expect(delays).toEqual([100, 200, 400, 800])
    lab.clock.advance(61_000)
    loseUnheard(() => lab.forget(e.remote(2)))
    lab.clock.advance(100)
    expect(lab.holds(e.remote(2))).toBe(true)
  })

  test('a look removes nothing that is wanted while it lasts', async () => {
    await want(...everything)
    const many = Array.from({ length: 2000 }, (_, i) => e.remote(1000 + i))
    await want(...many)
    dataplane.complete()
    lab.driver.overrun()
    lab.clock.advance(100)
    const late = Array.from({ length: 2000 }, (_, i) => e.remote(5000 + i))
    for (const entry of many) dataplane.unwant(entry)
    for (const entry of late) dataplane.want(entry)
    await lab.calm()
    for (const entry of late) expect(lab.holds(entry)).toBe(true)
    for (const entry of many) expect(lab.holds(entry)).toBe(false)
  })
})

test('an entry that is removed during a dump can be wanted again', async () => {
  await want(...everything, ...Array.from({ length: 1000 }, (_, i) => e.remote(1000 + i)))
  lab.driver.overrun()
  const observe = vi.spyOn(lab.driver, 'dump')
  await lab.until(() => observe.mock.calls.some(([device]) => device === 'vx0'))
  dataplane.unwant(e.remote(1000))
  await lab.calm()
  expect(lab.holds(e.remote(1000))).toBe(false)
  await want(e.remote(1000))
  expect(lab.holds(e.remote(1000))).toBe(true)
})

test('an entry that another program removed during the first dump can be wanted', async () => {
  await want(
    ...everything,
    ...Array.from({ length: 1000 }, (_, i) => e.neighbour(`10.1.${i >> 8}.${i & 255}`, i)),
  )
  dataplane = lab.restart()
  const observe = vi.spyOn(lab.driver, 'dump')
  dataplane.want(e.bridge)
  lab.clock.soon(() => lab.forget(e.neighbour('10.0.0.2', 2)))
  await lab.calm()
  expect(observe).toHaveBeenCalled()
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
    dataplane = lab.restart()
    told = []
    expect(await want(...everything)).toEqual([])
    expect(told).toEqual([])
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

test('a device that cannot be read is reported, and read later', async () => {
  await want(...everything)
  dataplane = lab.restart()
  const observe = vi.spyOn(lab.driver, 'dump').mockImplementation(function* () {
    yield []
    throw new Error('EIO: unreadable')
  })
  const open = await want(e.bridge, e.neighbour('10.0.0.2', 2))
  expect(open).toMatchObject([
    { entry: e.neighbour('10.0.0.2', 2), status: { state: 'failed', reason: 'EIO: unreadable' } },
  ])
  lab.clock.advance(10_000)
  expect(observe.mock.calls.length).toBeLessThan(10)
  observe.mockRestore()
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

test('after the stop nothing happens any more', async () => {
  await want(...everything)
  dataplane.stop()
  told = []
  lab.forget(e.remote(2))
  dataplane.want(e.remote(3))
  lab.clock.advance(120_000)
  expect(told).toEqual([])
})

test('a notification of a MAC address costs the same with any number of networks', async () => {
  /** Milliseconds of CPU time, at its best, for so many MAC addresses that are not desired to come and go. */
  const costOf = (count: number) => {
    const runs = Array.from({ length: 5 }, () => {
      for (let n = 0; n < count; n++) lab.overwrite(e.local(1000 + n), true)
      for (let n = 0; n < count; n++) lab.forget(e.local(1000 + n))
      const from = process.cpuUsage()
      lab.driver.poll()
      const { user, system } = process.cpuUsage(from)
      return (user + system) / 1000
    })
    return Math.min(...runs)
  }
  await want(...everything)
  costOf(2000) // warm-up
  const alone = costOf(2000)
  await want(...Array.from({ length: 1000 }, (_, n) => e.networkOf(5000 + n)).flat())
  expect(costOf(2000)).toBeLessThan(4 * alone + 10)
})
