import { expect, test, vi } from 'vitest'
import { Links } from '../../src/dataplane/linux/links.ts'
import { ownedObjects } from '../../src/dataplane/linux/ownership.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import { labFixture } from '../dataplane/fixture.ts'
import { iproute } from './iproute.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

const COUNT = 60
const t = labFixture(linuxLab, () => {})

/** VXLAN devices that are in no bridge. */
const vxlans = (count: number) => Array.from({ length: count }, (_, i) => e.networkOf(1000 + i)[1])
const allNames = () => iproute.links().map(({ ifname }) => ifname)
/** Devices that a new namespace has: besides `lo`, those of tunnel modules. */
const kernelNames = new Set(allNames())
const names = () => allNames().filter((name) => !kernelNames.has(name))

/** Milliseconds until they are gone. */
async function deletion(entries: readonly Entry[]): Promise<number> {
  const from = performance.now()
  for (const entry of entries) t.dataplane.unwant(entry)
  await t.dataplane.gone(entries)
  return performance.now() - from
}

/** Rounds that are played at most: while others on the machine hold the link lock of the kernel, deletions take longer. */
const ROUNDS = 10

/** Plays rounds until, at its best, the deletion of the many took far less than the one of a single link as often. */
async function expectFast(round: () => Promise<{ few: number; many: number }>): Promise<void> {
  const best = { few: Infinity, many: Infinity }
  for (let i = 0; i < ROUNDS && !(best.many < (best.few * COUNT) / 4); i++) {
    await t.wantInPlace(...vxlans(COUNT))
    const { few, many } = await round()
    best.few = Math.min(best.few, few)
    best.many = Math.min(best.many, many)
    expect(names()).toEqual([])
  }
  console.log(
    `1 VXLAN device is deleted in ${best.few.toFixed()} ms, ${COUNT - 1} in ${best.many.toFixed()} ms`,
  )
  expect(best.many).toBeLessThan((best.few * COUNT) / 4)
}

test('many links are deleted about as fast as a few', async () => {
  await expectFast(async () => ({
    few: await deletion(vxlans(COUNT).slice(0, 1)),
    many: await deletion(vxlans(COUNT).slice(1)),
  }))
})

test('a cleanup deletes many links about as fast as a few', async () => {
  await expectFast(async () => {
    const few = await deletion(vxlans(COUNT).slice(0, 1))
    t.dataplane.stop()
    const from = performance.now()
    for (const { remove } of await ownedObjects(t.lab.driver, { bridges: [], vxlans: [], localMacs: [] }))
      expect(await remove()).toBe(null)
    const many = performance.now() - from
    t.restart()
    return { few, many }
  })
})

test('external links in groups stay, and so do links that an earlier process was about to delete and that are wanted again', async () => {
  await t.wantInPlace(...vxlans(COUNT))
  for (const [i, group] of [0, 1, 7, 2 ** 28, 2 ** 28 + 1, 2 ** 31 - 1].entries()) {
    run(`ip tuntap add theirs${i} mode tap`)
    run(`ip link set theirs${i} group ${group}`)
  }
  const [first, ...rest] = vxlans(COUNT)
  for (const { device } of vxlans(3)) run(`ip link set ${device} group ${2 ** 28}`)
  t.restart()
  await t.wantInPlace(...vxlans(COUNT))
  await deletion(rest)
  expect(names()).toEqual([first?.device, ...Array.from({ length: 6 }, (_, i) => `theirs${i}`)])
  expect(t.lab.holds(first!)).toBe(true)
})

test('a link that is gone already, or external by now, does not block the others', async () => {
  const three = vxlans(3)
  await t.wantInPlace(...three)
  t.restart({ deaf: true })
  await t.wantInPlace(...three)
  run(`ip link del ${three[0]!.device}`)
  run(`ip link del ${three[1]!.device}`)
  run(`ip link add ${three[1]!.device} type bridge`)
  await deletion(three)
  expect(names()).toEqual([three[1]!.device])
})

test('bridges that are deleted together release the ports that others put there, and read no other links', async () => {
  const bridges = [1, 2].map((i) => e.networkOf(1000 + i)[0])
  await t.wantInPlace(...bridges)
  for (const { device } of bridges) {
    run(`ip tuntap add ${device}port mode tap`)
    run(`ip link set ${device}port up master ${device}`)
  }
  const reads = vi.spyOn(Links.prototype, 'all')
  await deletion(bridges)
  expect(reads).not.toHaveBeenCalledWith(null)
  for (const { device } of bridges) {
    const port = iproute.link(`${device}port`)
    expect(port?.master).toBeUndefined()
    expect(port?.flags).not.toContain('UP')
  }
})

test('the kernel is asked other things while it deletes a bridge', async () => {
  const bridges = [1, 2].map((i) => e.networkOf(1000 + i)[0])
  await t.wantInPlace(...bridges)
  const answer = t.lab.driver.removeLinks(bridges)
  let isAnswered = false
  const answered = Promise.resolve(answer).then((refused) => {
    isAnswered = true
    return refused.size
  })
  expect(t.lab.driver.link('lo')?.name).toBe('lo')
  await Promise.resolve()
  expect(isAnswered).toBe(false)
  expect(await answered).toBe(0)
})

test.each(['vxlan', 'bridge'])(
  'a network that is wanted again while its %s is deleted has not drifted',
  async (kind) => {
    t.lab.addInterface('tap1')
    const network = [...e.network, e.local(1), e.remote(2), e.flood('192.0.2.2'), e.neighbour('10.0.0.2', 2)]
    await t.wantInPlace(...network)
    const { driver } = t.lab
    const remove = driver.removeLinks.bind(driver)
    let isBegun = false
    vi.spyOn(driver, 'removeLinks').mockImplementation((links) => {
      const answer = remove(links)
      if (links[0]?.kind !== kind || isBegun) return answer
      isBegun = true
      for (const entry of network) t.dataplane.want(entry)
      return answer
    })
    for (const entry of network) t.dataplane.unwant(entry)
    await t.lab.until(() => isBegun)
    expect(await t.dataplane.settled(network)).toEqual([])
    await t.lab.calm()
    for (const entry of network) expect(t.lab.holds(entry), entry.kind).toBe(true)
    expect(t.dataplane.drift.summary().count).toBe(0)
  },
)

test('a daemon that ends while the kernel deletes a bridge leaves the rest to the next one', async () => {
  const bridges = [1, 2].map((i) => e.networkOf(1000 + i)[0])
  await t.wantInPlace(...bridges)
  void t.lab.driver.removeLinks(bridges)
  t.restart()
  // the kernel may delete a bridge while the next daemon sets it up, or just after
  await t.want(...bridges)
  await t.lab.calm()
  await t.lab.until(() => bridges.every((bridge) => t.lab.holds(bridge)))
  await deletion(bridges)
  expect(names()).toEqual([])
})
