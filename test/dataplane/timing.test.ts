import { describe, expect, test, vi } from 'vitest'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { refusal } from '../support/refusal.ts'
import { dataplane, everything, lab, reported, restart, want } from './engine-setup.ts'
import * as e from './entries.ts'
import * as ip from './ip-entries.ts'

describe('adoption', () => {
  const entries = () => everything.filter(({ kind }) => !['bridge', 'vxlan', 'port'].includes(kind))

  test('a device that is wanted only after completion keeps what it held until its routes had a chance', async () => {
    await want(...everything)
    restart()
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
    restart()
    const dump = lab.driver.dump.bind(lab.driver)
    vi.spyOn(lab.driver, 'dump').mockImplementation(function* (device) {
      yield* dump(device)
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
    expect(reported).toEqual(sets.map((text) => `set ${text}`))

    reported.length = 0
    for (const entry of everything) dataplane.unwant(entry)
    await lab.calm()
    const removals = reported.map((text) => text.replace('remove ', ''))
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
    reported.length = 0
    dataplane.unwant(e.remote(2))
    await want(e.remote(3))
    await lab.calm()
    expect(reported).toEqual([`set ${identity(e.remote(3))}`, `remove ${identity(e.remote(2))}`])
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
    const remote = reported.flatMap((text, i) => (text.startsWith('set remote-mac') ? [i] : []))
    expect(remote).toHaveLength(10_000)
    expect(reported.indexOf(`set ${identity(e.local(1))}`)).toBeLessThan(remote[600] ?? 0)
  })
})

describe('requests to the kernel', () => {
  test('is only what changes', async () => {
    await want(...everything)
    reported.length = 0
    await want(...everything)
    await lab.calm()
    expect(reported).toEqual([])
  })

  test('is the last word where an entry changes twice', async () => {
    await want(...everything)
    reported.length = 0
    dataplane.want(e.remote(2, '192.0.2.8'))
    await want(e.remote(2, '192.0.2.9'))
    expect(lab.holds(e.remote(2, '192.0.2.9'))).toBe(true)
    dataplane.want(e.remote(4))
    dataplane.unwant(e.remote(4))
    await lab.calm()
    expect(reported).not.toContain(`set ${identity(e.remote(4))}`)
  })

  test('yields to others between batches', async () => {
    await want(e.bridge, e.vxlan, e.vxlanPort)
    vi.mocked(lab.driver.set).mockClear()
    const many = Array.from({ length: 2000 }, (_, i) => e.remote(i + 1))
    let turns = 0
    const tick = () => {
      turns++
      if (dataplane.statuses.counts().pending > 0) lab.clock.soon(tick)
    }
    for (const entry of many) dataplane.want(entry)
    lab.clock.soon(tick)
    await lab.wait(dataplane.settled(many))
    expect(turns).toBeGreaterThanOrEqual(3)
    expect(Math.max(...vi.mocked(lab.driver.set).mock.calls.map(([batch]) => batch.length))).toBe(512)
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

describe('lost notifications', () => {
  function loseSilently(change: () => void): void {
    change()
    lab.driver.overrun()
  }

  test('make every device be dumped again', async () => {
    await want(...everything)
    loseSilently(() => {
      lab.forget(e.remote(2))
      lab.overwrite(e.neighbour('10.0.0.2', 9))
      lab.enslave('tap1', null)
      lab.setDown('br0')
    })
    expect(lab.holds(e.remote(2))).toBe(false)
    lab.clock.advance(100)
    for (const entry of everything) expect(lab.holds(entry)).toBe(true)
  })

  test('lead to the next dump ever later, but not when they are rare', async () => {
    await want(...everything)
    const delays: number[] = []
    for (let i = 0; i < 4; i++) {
      const from = lab.clock.now()
      loseSilently(() => lab.forget(e.remote(2)))
      await lab.until(() => lab.holds(e.remote(2)))
      delays.push(lab.clock.now() - from)
    }
    expect(delays).toEqual([100, 200, 400, 800])
    lab.clock.advance(61_000)
    loseSilently(() => lab.forget(e.remote(2)))
    lab.clock.advance(100)
    expect(lab.holds(e.remote(2))).toBe(true)
  })

  test('a dump removes nothing that is wanted while it lasts', async () => {
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
  const dump = vi.spyOn(lab.driver, 'dump')
  await lab.until(() => dump.mock.calls.some(([device]) => device === 'vx0'))
  dataplane.unwant(e.remote(1000))
  await lab.calm()
  expect(lab.holds(e.remote(1000))).toBe(false)
  await want(e.remote(1000))
  expect(lab.holds(e.remote(1000))).toBe(true)
})

test('after the stop nothing happens any more', async () => {
  await want(...everything)
  dataplane.stop()
  reported.length = 0
  lab.forget(e.remote(2))
  dataplane.want(e.remote(3))
  lab.clock.advance(120_000)
  expect(reported).toEqual([])
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
