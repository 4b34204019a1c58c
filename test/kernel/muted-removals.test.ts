import { expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { TableEntry } from '../../src/dataplane/kinds/index.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import { dataplane, lab, start, want } from './details-setup.ts'
import { run } from './namespace.ts'

const ALL = 10_000
const REMOVED = 3000
/** Of the batches of removals, the one before which another program acts: removals are muted then. */
const MIDDLE = 5

const macs = Array.from({ length: ALL }, (_, i) => e.remote(i + 2))
const other = macs.at(-1)!
const entries: readonly TableEntry[] = [
  e.remote(2),
  e.remote(3),
  e.flood('192.0.2.2'),
  e.flood('192.0.2.3'),
  e.local(1),
  e.neighbour('10.0.0.2', 2),
  e.neighbour('2001:db8::3', 3),
]
const DEVICES = ['vx0', 'br0', 'tap1']

/** Removes many of the entries, while another program acts; resolves when the removals of all devices are read again. */
async function removeMany(act: () => void): Promise<void> {
  await want(...e.network, ...macs)
  const muteOwned = vi.spyOn(lab.driver, 'muteOwned')
  const remove = vi.spyOn(lab.driver, 'remove')
  const actOnce = () => {
    if (remove.mock.calls.length !== MIDDLE) return
    expect(muteOwned.mock.lastCall?.[1]).toEqual(['vx0'])
    act()
  }
  const original = LinuxDriver.prototype.remove.bind(lab.driver)
  remove.mockImplementation((some) => {
    actOnce()
    return original(some as readonly TableEntry[])
  })
  const removed = macs.slice(0, REMOVED)
  for (const entry of removed) dataplane.unwant(entry)
  await dataplane.gone(removed)
  await lab.until(() => muteOwned.mock.lastCall?.[1].length === 0)
  expect(remove.mock.calls.length).toBeGreaterThan(MIDDLE)
}

test('after many removals no entry is set again', async () => {
  const set = vi.spyOn(lab.driver, 'set')
  await removeMany(() => set.mockClear())
  await lab.calm()
  expect(set).not.toHaveBeenCalled()
})

test.each([
  ['counted', true],
  ['not counted', false],
])(
  'an entry that another program deletes meanwhile comes back: removals are %s',
  async (_how, countsRemovals) => {
    lab.close()
    start({ countsRemovals })
    await removeMany(() => {
      run(`bridge fdb del ${formatMac(other.mac)} dev vx0 self master`)
      expect(lab.holds(other)).toBe(false)
    })
    await lab.until(() => lab.holds(other))
  },
)

/** A driver with muted devices that hold entries, and what it is notified of since. The ports of the bridge are in that VLAN; 0 is none. */
function mutedDriver(countsRemovals: boolean, vlan = 0): { driver: LinuxDriver; notified: string[] } {
  run(`ip link add br0 up type bridge vlan_default_pvid ${vlan}`)
  run('ip link add vx0 up master br0 type vxlan id 100 dstport 4789 nolearning')
  run('ip link set tap1 up master br0')
  const driver = new LinuxDriver({ clock: systemClock, isPolled: true, countsRemovals })
  const notified: string[] = []
  const silent = {
    linkChanged() {},
    linkDisrupted() {},
    addressesChanged() {},
    routesChanged() {},
    overrun() {},
  }
  driver.watch({
    ...silent,
    entryChanged: ({ entry }) => void notified.push(entry.kind),
    fdbChanged: (_bridge, { entry }) => void notified.push(entry.kind),
  })
  expect([...driver.set(entries)]).toEqual([])
  driver.muteOwned(false, DEVICES)
  driver.poll()
  notified.length = 0
  return { driver, notified }
}

const missedBy = (driver: LinuxDriver) => DEVICES.filter((device) => driver.missedRemovals(device))

test.each([
  ['in no VLAN', 0],
  ['in VLAN 1, where a MAC address is there once more', 1],
])('a driver knows its own removals of every kind that it does not read, %s', (_where, vlan) => {
  const { driver, notified } = mutedDriver(true, vlan)
  expect(driver.countsRemovals).toBe(true)
  expect(driver.remove(entries).size).toBe(0)
  driver.poll()
  expect(notified).toEqual([])
  expect(missedBy(driver)).toEqual([])
  driver.muteOwned(false, [])
  expect(missedBy(driver)).toEqual([])
  driver.close()
})

test('a driver without a counter takes any removal that it does not read for one of others', () => {
  const { driver, notified } = mutedDriver(false)
  expect(driver.countsRemovals).toBe(false)
  driver.remove(entries)
  driver.poll()
  expect(notified).toEqual([])
  expect(missedBy(driver)).toEqual(DEVICES)
  driver.close()
})

test.each([
  ['a remote MAC', 'vx0', 'bridge fdb del 02:00:00:00:00:03 dev vx0 self master'],
  ["the VXLAN device's half of one", 'vx0', 'bridge fdb del 02:00:00:00:00:03 dev vx0 self'],
  ["the bridge's half of one", 'vx0', 'bridge fdb del 02:00:00:00:00:03 dev vx0 master'],
  ['a VTEP', 'vx0', 'bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.3 vni 100 self'],
  ['a local MAC', 'tap1', 'bridge fdb del 02:00:00:00:00:01 dev tap1 master'],
  ['a neighbour', 'br0', 'ip neigh del 10.0.0.2 dev br0'],
  ['an IPv6 neighbour', 'br0', 'ip neigh del 2001:db8::3 dev br0'],
])(
  'a driver knows that another program removed %s, and forgets it when it was asked',
  (_what, device, command) => {
    const { driver } = mutedDriver(true)
    driver.remove(entries.slice(0, 1))
    run(command)
    expect(missedBy(driver)).toEqual([device])
    expect(missedBy(driver)).toEqual([])
    driver.close()
  },
)

test('a driver takes no entries for removed by others that were absent', () => {
  const { driver } = mutedDriver(true)
  driver.remove(entries)
  driver.remove(entries)
  driver.set([e.remote(2)])
  run('bridge fdb del 02:00:00:00:00:02 dev vx0 master')
  expect(missedBy(driver)).toEqual(['vx0'])
  driver.remove([e.remote(2)])
  expect(missedBy(driver)).toEqual([])
  driver.close()
})

test('a driver takes half a removal, which was refused, for one of others', () => {
  const { driver } = mutedDriver(true)
  run('bridge fdb del 02:00:00:00:00:02 dev vx0 self')
  expect(missedBy(driver)).toEqual(['vx0'])
  driver.remove([e.remote(2)])
  expect(missedBy(driver)).toEqual(['vx0'])
  driver.close()
})

test('a driver counts the one half of MACs of a VXLAN device that has left its bridge', () => {
  const { driver } = mutedDriver(true)
  run('ip link set vx0 nomaster')
  driver.poll()
  expect(driver.missedRemovals('vx0')).toBe(true)
  expect(driver.remove(entries.slice(0, 2)).size).toBe(0)
  expect(driver.missedRemovals('vx0')).toBe(false)
  driver.close()
})

test('of two interfaces that share a counter one is muted', () => {
  const { driver, notified } = mutedDriver(true)
  const index = driver.link('br0')!.index + 256
  run(`ip link add br9 up index ${index} type bridge vlan_default_pvid 0`)
  const there = e.neighbour('10.0.0.2', 2)
  driver.poll()
  driver.set([{ ...there, device: 'br9' }])
  driver.muteOwned(false, ['br0', 'br9'])
  driver.poll()
  notified.length = 0
  driver.remove([there, { ...there, device: 'br9' }])
  driver.poll()
  expect(notified).toEqual(['neighbour'])
  expect(driver.missedRemovals('br0')).toBe(false)
  run('ip neigh del 2001:db8::3 dev br0')
  expect(driver.missedRemovals('br9')).toBe(true)
  expect(driver.missedRemovals('br0')).toBe(true)
  driver.muteOwned(false, ['br9'])
  driver.set([{ ...there, device: 'br9' }])
  driver.poll()
  notified.length = 0
  driver.remove([{ ...there, device: 'br9' }])
  driver.poll()
  expect(notified).toEqual([])
  expect(driver.missedRemovals('br9')).toBe(false)
  driver.close()
})
