import { beforeEach, describe, expect, test, vi } from 'vitest'
import { PersistentClock } from '../../src/clock.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { NeededSetting } from '../../src/dataplane/engine/settings.ts'
import { Underlay } from '../../src/dataplane/engine/underlay.ts'
import type { Entry, NextHop } from '../../src/dataplane/model.ts'
import { dataplaneView } from '../../src/dataplane/view.ts'
import type { DataplaneEvent } from '../../src/events/event.ts'
import * as e from './entries.ts'
import * as vpn from './ip-entries.ts'
import { type LateLab, lateLab, memoryLab } from './memory-lab.ts'

/** What the engine reports of the kernel to others, where the driver answers later. */

let lab: LateLab
let dataplane: Reconciler
let events: DataplaneEvent[]
/** From 0 to 1, without 1: how long the next half of a request takes. */
let pace: number

beforeEach(() => {
  events = []
  pace = 0.5
  lab = lateLab(() => pace)
  dataplane = lab.restart({ events: { emit: (event) => events.push(event as DataplaneEvent) } })
  lab.addInterface('tap1')
})

async function want(...entries: readonly Entry[]): Promise<void> {
  for (const entry of entries) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(entries))).toEqual([])
  await lab.calm()
}

/** So often frames are counted. */
const STEP_MS = 20

const view = () => dataplaneView(dataplane, lab.loop)

describe("the node's addresses", () => {
  const [first, second] = ['192.0.2.1', '192.0.2.2'].map((text) => [{ ip: e.ip(text), prefixLength: 24 }])
  const known = vi.fn()

  beforeEach(() => {
    known.mockClear()
    lab.driver.kernel.setAddresses(first!)
  })

  const reported = () => known.mock.calls.map(([addresses]) => addresses)

  test('are reported when they are known, also where there are none, and then at each change', async () => {
    lab.driver.kernel.setAddresses([])
    dataplane.watchAddresses(known)
    await lab.calm()
    lab.driver.kernel.setAddresses(second!)
    await lab.calm()
    expect(reported()).toEqual([[], second])
  })

  test('that change while they are asked for are asked for again', async () => {
    pace = 0.99
    dataplane.watchAddresses(known)
    await lab.clock.run(45)
    // the earlier question has been carried out
    lab.driver.kernel.setAddresses(second!)
    pace = 0
    await lab.clock.run(5000)
    expect(reported()).toEqual([first, second])
  })

  test('are asked for again where the answer was lost, and that is reported', async () => {
    dataplane.watchAddresses(known)
    lab.late.disconnect()
    await lab.clock.run(5000)
    expect(reported()).toEqual([first])
    expect(events).toContainEqual(expect.objectContaining({ type: 'addresses-unreadable' }))
  })

  test('are not reported after a stop', async () => {
    dataplane.watchAddresses(known)
    dataplane.stop()
    await lab.calm()
    expect(reported()).toEqual([])
  })
})

describe('the next hop of an address', () => {
  const remote = e.ip('10.0.0.9')
  const hop: NextHop = { device: 'tap1', via: null, labels: [] }
  const changed = vi.fn()

  beforeEach(() => {
    changed.mockClear()
    lab.driver.kernel.nextHops.set(remote, hop)
  })

  test('is reported when it is known, also where there is none', async () => {
    lab.driver.kernel.nextHops.clear()
    dataplane.watchNextHop(remote, changed)
    await lab.calm()
    expect(changed.mock.calls).toEqual([[null]])
  })

  test('that changes while it is asked for is asked for again: an older answer does not count', async () => {
    pace = 0.99
    dataplane.watchNextHop(remote, changed)
    await lab.clock.run(45)
    pace = 0
    const other = { ...hop, device: 'tap2' }
    lab.driver.kernel.setNextHop(remote, other)
    await lab.clock.run(300)
    expect(changed.mock.calls).toEqual([[hop], [other]])
  })

  test('is asked for again where the answer was lost', async () => {
    dataplane.watchNextHop(remote, changed)
    lab.late.disconnect()
    await lab.clock.run(3000)
    expect(changed.mock.calls).toEqual([[hop]])
  })

  test('is asked for at each poll, although a follower has thrown', async () => {
    const faults = vi.fn()
    const clock = new PersistentClock(lab.clock, faults)
    const underlay = new Underlay(clock, lab.late.driver)
    underlay.watchNextHop(
      remote,
      changed.mockImplementationOnce(() => {
        throw new Error('no')
      }),
    )
    await lab.clock.run(3000)
    expect(faults).toHaveBeenCalledTimes(1)
    expect(clock.faults.open).toBeNull()
    lab.driver.kernel.nextHops.clear()
    await lab.clock.run(3000)
    expect(changed.mock.calls).toEqual([[hop], [null]])
    underlay.close()
  })

  test('is not watched where the question throws', () => {
    const { driver } = memoryLab()
    const underlay = new Underlay(lab.clock, driver)
    vi.spyOn(driver, 'nextHopTo').mockImplementationOnce(() => {
      throw new Error('EMFILE')
    })
    expect(() => underlay.watchNextHop(remote, changed)).toThrow('EMFILE')
    underlay.watchNextHop(remote, changed)
    expect(changed.mock.calls).toEqual([[null]])
  })

  test('is reported to the follower of the moment alone', async () => {
    dataplane.watchNextHop(remote, changed)
    dataplane.unwatchNextHop(remote)
    const next = vi.fn()
    dataplane.watchNextHop(remote, next)
    await lab.clock.run(3000)
    expect(changed.mock.calls).toEqual([])
    expect(next.mock.calls).toEqual([[hop]])
  })
})

describe('a storm', () => {
  const storm = { instance: 'net1', bridge: 'br0', port: 'tap1', rate: 20_000 }

  beforeEach(async () => {
    await want(...e.network)
    events.length = 0
  })

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      for (const name of ['br0', 'tap1']) {
        const received = (lab.driver.kernel.counters.get(name)?.received ?? 0) + 20 * STEP_MS
        lab.driver.kernel.counters.set(name, { received })
      }
      await lab.clock.run(STEP_MS)
    }
  }

  test('is found, and is over when its bridge is unwanted', async () => {
    pace = 0
    await pass(31_000)
    expect([...dataplane.storms.all()]).toEqual([storm])
    for (const entry of e.network) dataplane.unwant(entry)
    await pass(20_000)
    expect([...dataplane.storms.all()]).toEqual([])
  })

  test('is none of a bridge that was unwanted while its ports were asked for', async () => {
    for (let times = 0; times < 2; times++) {
      while (!lab.late.isAsked('portsOf')) await pass(STEP_MS)
      while (lab.late.isAsked('portsOf') && times === 0) await pass(STEP_MS)
    }
    for (const entry of e.network) dataplane.unwant(entry)
    await pass(5000)
    expect([...dataplane.storms.all()]).toEqual([])
    expect(events).not.toContainEqual(expect.objectContaining({ type: 'storm-began' }))
  })

  test('is looked for again where an answer was lost, and that is reported', async () => {
    await lab.asked('counters')
    lab.late.disconnect()
    await pass(45_000)
    expect(events).toContainEqual(expect.objectContaining({ type: 'counters-unreadable' }))
    expect([...dataplane.storms.all()]).toEqual([expect.objectContaining({ bridge: 'br0' })])
  })
})

describe('a comparison', () => {
  beforeEach(() => want(...e.network, e.remote(2)))

  test('finds nothing wrong with what changes meanwhile', async () => {
    for (let ms = 0; ms < 500; ms += 10) {
      const comparison = dataplane.verifier.verify()
      await lab.clock.run(ms)
      for (const mtu of [1300, 1400]) dataplane.want({ ...e.vxlan, mtu: mtu + (ms % 20) })
      const { missing, different, extra, orphans } = await lab.wait(comparison)
      expect({ missing, different, extra, orphans }, `${ms} ms`).toEqual({
        missing: 0,
        different: 0,
        extra: 0,
        orphans: [],
      })
      await lab.calm()
    }
  })

  test('names no link as an orphan that was removed or wanted meanwhile', async () => {
    const [own] = e.networkOf(7)
    await want(own)
    dataplane = lab.restart()
    for (const entry of e.network) dataplane.want(entry)
    await lab.calm()
    const comparison = dataplane.verifier.verify()
    await lab.asked('dump')
    dataplane.want(own)
    expect((await lab.wait(comparison)).orphans).toEqual([])
    dataplane.unwant(own)
    const again = dataplane.verifier.verify()
    expect((await lab.wait(again)).orphans).toEqual([])
  })

  test('fails where the links cannot be listed', async () => {
    const comparison = lab.wait(dataplane.verifier.verify())
    lab.late.disconnect()
    await expect(comparison).rejects.toThrow('connection lost')
    await lab.calm()
    expect(await lab.wait(dataplane.verifier.verify())).toMatchObject({ missing: 0, unreadable: [] })
  })
})

test('a device that was wanted meanwhile is none that an earlier process left', async () => {
  await want(...e.network)
  dataplane = lab.restart()
  const stale = dataplane.staleDevices(e.network)
  for (const entry of [e.vxlan, e.vxlanPort]) dataplane.want(entry)
  expect(await lab.wait(stale)).toEqual(['br0', 'tap1'])
})

test('a port is surveyed as it is on a driver that answers at once', async () => {
  await want(...e.network)
  const { kernel } = lab.driver
  kernel.addLink('eth0', { up: true })
  kernel.addLink('eth0.5', { lower: 'eth0', master: 'br0' })
  kernel.holders.set(e.ip('192.0.2.1'), 'br0')
  kernel.addresses = [{ ip: e.ip('192.0.2.1'), prefixLength: 24 }]
  kernel.nextHops.set(e.ip('10.0.0.9'), { device: 'eth0.5', via: null, labels: [] })
  const uplinks = [
    { holds: e.ip('192.0.2.1') },
    { leadsTo: e.ip('10.0.0.9') },
    { leadsTo: e.ip('10.0.0.8') },
    { device: 'eth0' },
  ]
  const asked = { port: 'br0', mac: e.mac(1), bridge: null, linuxBridge: 'br0', uplinks }
  expect(await lab.wait(dataplane.survey(asked))).toMatchObject({
    port: { name: 'br0' },
    hostAddress: e.ip('192.0.2.1'),
    uplinks: [['br0', 'tap1', 'vx0', 'eth0.5', 'eth0'], ['eth0.5', 'eth0'], [], ['eth0']],
  })
  const vlan = await lab.wait(dataplane.survey({ ...asked, port: 'eth0.5' }))
  expect(vlan).toMatchObject({ lowers: ['eth0'], master: { name: 'br0' }, hostAddress: null })
})

test('the VRF that bagpipe-bgp left is found by a port of it', async () => {
  lab.driver.kernel.addLink('bvrf-9', { kind: 'vrf', table: 1009, owned: true })
  lab.driver.kernel.addLink('ns-x', { master: 'bvrf-9' })
  lab.driver.kernel.addLink('br7', { kind: 'bridge' })
  lab.driver.kernel.addLink('to-x', { master: 'br7', pair: 'ns-x' })
  const found = { name: 'bvrf-9', table: 1009 }
  expect(await lab.wait(dataplane.vrfLeftWith('ns-x', null))).toEqual(found)
  expect(await lab.wait(dataplane.vrfLeftWith('none', 'br7'))).toEqual(found)
  expect(await lab.wait(dataplane.vrfLeftWith('tap1', null))).toBeUndefined()
  await want(vpn.red)
  expect(await lab.wait(dataplane.vrfOf(vpn.red.alias))).toEqual({
    name: vpn.red.device,
    table: vpn.red.table,
  })
})

describe('a summary', () => {
  test('has what the kernel is asked for, and the counts of the moment at which it has all of it', async () => {
    lab.driver.kernel.addLink('eth0', { up: true, mtu: 1500 })
    const own = { ...e.vxlan, underlay: 'eth0', mtu: 1500 }
    const summary = view().summary(['br0', 'none'])
    await want(e.bridge, own)
    const { counts, tightUnderlays, isolation, unreadable } = await lab.wait(view().summary(['br0']))
    expect(counts).toMatchObject({ wanted: 2, programmed: 2 })
    expect(tightUnderlays).toMatchObject([{ underlay: 'eth0', mtu: 1500 }])
    expect(isolation).toEqual([{ by: null, reason: null }])
    expect(unreadable).toBeNull()
    expect((await lab.wait(summary)).counts.wanted).toBe(2)
  })

  test('says why the kernel could not be asked', async () => {
    const summary = view().summary(['br0', 'br1'])
    lab.late.disconnect()
    expect(await lab.wait(summary)).toMatchObject({ unreadable: 'connection lost', isolation: [] })
  })
})

test('settings are asked for by the slice, and named once', async () => {
  const setting = { name: 'net.ipv4.conf.all.forwarding', value: 1, before: 0, fits: true }
  vi.spyOn(lab.driver, 'settingsFor').mockReturnValue([setting])
  const networks = Array.from({ length: 100 }, (_, i) => e.networkOf(10 + i)).flat()
  await want(...networks)
  async function settings(): Promise<NeededSetting[]> {
    const found: NeededSetting[] = []
    for await (const slice of view().settings()) found.push(...slice)
    return found
  }
  const from = lab.clock.now()
  expect(await lab.wait(settings())).toEqual([{ setting, entry: networks[0] }])
  expect(lab.late.asked.filter((what) => what === 'settingsFor')).toHaveLength(networks.length)
  expect(lab.clock.now() - from).toBeLessThan(200)
})
