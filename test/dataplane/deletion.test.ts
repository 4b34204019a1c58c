import { beforeEach, expect, test, vi } from 'vitest'
import type { Driver } from '../../src/dataplane/driver.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { LinkEntry } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import type { Refused } from '../../src/dataplane/refusal.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

let lab: MemoryLab
let dataplane: Reconciler

beforeEach(() => {
  lab = memoryLab()
  dataplane = lab.restart()
  lab.addInterface('tap1')
})

async function want(...entries: readonly Entry[]): Promise<void> {
  for (const entry of entries) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(entries))).toEqual([])
}

/** The first question of an attachment. */
const ask = () =>
  dataplane.survey({ port: 'tap1', mac: e.mac(1), bridge: null, linuxBridge: null, uplinks: [] })

const networks = (count: number) => Array.from({ length: count }, (_, i) => e.networkOf(1000 + i)).flat()
const left = () => [...lab.driver.kernel.links.keys()].filter((name) => /^(br|vx)1/.test(name)).length

test('routes that come all the time do not keep entries and links from being removed', async () => {
  await want(...e.network, e.remote(2), ...networks(3))
  const { driver, clock } = lab
  const poll = driver.poll.bind(driver)
  const from = clock.now()
  let turns = 0
  let seen = {}
  vi.spyOn(clock, 'now').mockImplementation(() => from + turns)
  // the end of each turn
  vi.spyOn(driver, 'poll').mockImplementation(() => {
    if (++turns < 1000) dataplane.want(e.remote(10 + turns))
    else seen = { remote: lab.holds(e.remote(2)), links: left() }
    poll()
  })
  dataplane.want(e.remote(10))
  for (const entry of [e.remote(2), ...networks(3)]) dataplane.unwant(entry)
  clock.settle()
  expect(seen).toEqual({ remote: false, links: 0 })
})

test('links are not deleted while an attachment is programmed', async () => {
  await want(...networks(20))
  const deleted = vi.spyOn(lab.driver, 'removeLinks')
  for (const entry of networks(20)) dataplane.unwant(entry)
  await lab.until(() => deleted.mock.calls.length === 1)
  const attachment = [...e.network, e.local(1)]
  for (const entry of attachment) dataplane.want(entry)
  const settled = dataplane.settled(attachment)
  expect(await lab.wait(settled)).toEqual([])
  expect(deleted.mock.calls.length).toBe(1)
  await lab.wait(dataplane.gone(networks(20)))
  expect(left()).toBe(0)
})

test('attachments without end do not keep links from being deleted', async () => {
  await want(...networks(5))
  for (const entry of networks(5)) dataplane.unwant(entry)
  for (let n = 2000; n < 2400; n++) {
    for (const entry of e.networkOf(n)) dataplane.want(entry)
    lab.clock.advance(4)
  }
  expect(left()).toBe(0)
})

test('links are not deleted between the questions of an attachment and its entries', async () => {
  await want(...networks(20))
  const deleted = vi.spyOn(lab.driver, 'removeLinks')
  for (const entry of networks(20)) dataplane.unwant(entry)
  await lab.until(() => deleted.mock.calls.length === 1)
  ask()
  lab.clock.advance(20)
  dataplane.interfaceNamed('vx0')
  lab.clock.advance(20)
  expect(deleted.mock.calls.length).toBe(1)
  await want(...e.network, e.local(1))
  expect(deleted.mock.calls.length).toBe(1)
  await lab.wait(dataplane.gone(networks(20)))
  expect(left()).toBe(0)
})

test('questions without end do not keep links from being deleted', async () => {
  await want(...networks(5))
  for (const entry of networks(5)) dataplane.unwant(entry)
  for (let n = 0; n < 2000; n++) {
    ask()
    lab.clock.advance(4)
  }
  expect(left()).toBe(0)
})

/** Has the driver delete links only when the result is called, each time. */
function deleteLater() {
  const { driver } = lab
  const remove = driver.removeLinks.bind(driver)
  const waiting: (() => void)[] = []
  const later = (links: readonly LinkEntry[]) =>
    new Promise<Refused>((resolve) => waiting.push(() => resolve(remove(links))))
  vi.spyOn<Driver, 'removeLinks'>(driver, 'removeLinks').mockImplementation(later)
  return {
    begun: () => lab.until(() => waiting.length > 0),
    finish: () => waiting.shift()?.(),
  }
}

test('an attachment does not wait for links that are being deleted', async () => {
  await want(...networks(2))
  const { begun, finish } = deleteLater()
  for (const entry of networks(2)) dataplane.unwant(entry)
  await begun()
  await want(...e.network, e.local(1))
  expect(left()).toBe(4)
  finish()
  await begun()
  expect(left()).toBe(2)
  const gone = dataplane.gone(networks(2))
  finish()
  await lab.wait(gone)
  expect(left()).toBe(0)
})

test.each(['VXLAN device', 'bridge'])(
  'a network that is wanted again while its %s is being deleted is made anew, and has not drifted',
  async (what) => {
    const network = [...e.network, e.remote(2), e.flood('192.0.2.2'), e.neighbour('10.0.0.2', 2)]
    await want(...network)
    const { begun, finish } = deleteLater()
    for (const entry of network) dataplane.unwant(entry)
    await begun()
    if (what === 'bridge') {
      finish()
      await begun()
    }
    for (const entry of network) dataplane.want(entry)
    const settled = dataplane.settled(network)
    await lab.calm()
    finish()
    expect(await lab.wait(settled)).toEqual([])
    await lab.calm()
    for (const entry of network) expect(lab.holds(entry)).toBe(true)
    expect(dataplane.drift.summary().count).toBe(0)
  },
)

test('a VXLAN device is created when the one with its VNI has been deleted', async () => {
  const [bridge, vxlan] = e.networkOf(1000)
  await want(bridge, vxlan)
  const { begun, finish } = deleteLater()
  dataplane.unwant(vxlan)
  await begun()
  const successor = { ...vxlan, device: 'vx2000' }
  dataplane.want(successor)
  const settled = dataplane.settled([successor])
  await lab.calm()
  expect(dataplane.status(successor).state).toBe('pending')
  finish()
  expect(await lab.wait(settled)).toEqual([])
  expect(lab.holds(successor)).toBe(true)
})

test('a caller hears of links that are gone before the last of others, however long each takes', async () => {
  await want(...networks(6))
  const { driver, clock } = lab
  const poll = driver.poll.bind(driver)
  const from = clock.now()
  let turns = 0
  vi.spyOn(clock, 'now').mockImplementation(() => from + 100 * turns)
  vi.spyOn(driver, 'poll').mockImplementation(() => {
    turns++
    poll()
  })
  for (const entry of networks(6)) dataplane.unwant(entry)
  const bridges = () => [...driver.kernel.links.values()].filter(({ kind }) => kind === 'bridge').length
  const others = networks(6).filter(({ kind }) => kind !== 'bridge')
  expect(await lab.wait(dataplane.gone(others).then(bridges))).toBe(6)
  await lab.wait(dataplane.gone(networks(6)))
  expect(bridges()).toBe(0)
})

test('an attachment waits for the deletion of two bridges at most, unless there was none for long', async () => {
  const deleted = vi.spyOn(lab.driver, 'removeLinks')
  const leave = async () => {
    await want(...networks(6))
    deleted.mockClear()
    for (const entry of networks(6)) dataplane.unwant(entry)
    await lab.wait(dataplane.gone(networks(6)))
    return deleted.mock.calls.flatMap(([links]) => (links[0]?.kind === 'bridge' ? links.length : []))
  }
  expect(await leave()).toEqual([5, 1])
  ask()
  expect(await leave()).toEqual([2, 2, 2])
})
