import { expect, test } from 'vitest'
import { ownedObjects } from '../../../src/dataplane/linux/ownership.ts'
import * as e from '../ip-entries.ts'
import { everything, type IpFixture, OURS, tables } from '../ip-fixture.ts'

/** Unwanted entries are removed, and nothing else is. */
export function removal(t: IpFixture): void {
  const { wantInPlace, lacking } = t

  test('each entry that is no longer wanted is removed, and nothing else', async () => {
    await wantInPlace(...everything)
    const left = new Set(everything)
    for (const entry of tables) {
      t.dataplane.unwant(entry)
      left.delete(entry)
      await t.lab.until(() => !t.lab.holds(entry))
    }
    await t.lab.calm()
    expect(lacking([...left])).toEqual([])
  })

  test('an address that goes takes no other one of its subnet with it', async () => {
    const [first, second] = [e.address('10.0.0.1/24'), e.address('10.0.0.2/24')]
    await wantInPlace(e.red, e.port(), first)
    await wantInPlace(second)
    const deletions = await t.lab.deletions()
    t.dataplane.unwant(first)
    await t.lab.until(() => !t.lab.holds(first))
    await t.lab.calm()
    expect((await deletions()).filter((line) => line.includes('inet 10.0.0.2/24'))).toEqual([])
    expect(lacking([second])).toEqual([])
  })

  test('a port that is released leaves the VRF and is down, the device stays', async () => {
    await wantInPlace(e.red, e.port())
    t.dataplane.unwant(e.port())
    await t.lab.until(() => !t.lab.holds(e.port()))
    await t.lab.calm()
    expect(t.lab.driver.link('tap1')).toMatchObject({ master: null, routing: null, up: false })
  })

  test('the last thing unwanted takes owned devices and routes with it, and leaves external ones', async () => {
    await wantInPlace(...everything)
    for (const entry of everything) t.dataplane.unwant(entry)
    await t.lab.wait(t.dataplane.gone(everything))
    for (const entry of everything) expect.soft(t.lab.holds(entry), JSON.stringify(entry)).toBe(false)
    for (const device of ['tap1', 'tap2', 'core0']) expect(t.lab.indexOf(device)).toBeDefined()
    for (const device of OURS) expect(t.lab.indexOf(device)).toBeUndefined()
    expect(t.dataplane.statuses.counts()).toEqual({ wanted: 0, programmed: 0, pending: 0, failed: 0 })
  })

  test('a VRF that goes takes with it what was found in its table', async () => {
    await wantInPlace(...everything)
    t.restart()
    await wantInPlace(e.red)
    t.dataplane.unwant(e.red)
    await t.lab.until(() => t.lab.indexOf('bvrf-1') === undefined)
    const routes = tables.filter((entry) => entry.device === 'bvrf-1')
    for (const entry of routes) expect.soft(t.lab.holds(entry), JSON.stringify(entry)).toBe(false)
  })

  test('an entry that another program removed already can be unwanted', async () => {
    await wantInPlace(...everything)
    // with an address, more goes than itself
    for (const entry of tables.filter(({ kind }) => kind !== 'address').slice(0, 10)) {
      t.lab.forget(entry)
      t.dataplane.unwant(entry)
    }
    await t.lab.calm()
    expect([...t.dataplane.statuses.failures()]).toEqual([])
  })

  test('all owned entries can be found and removed without a desired state', async () => {
    await wantInPlace(...everything)
    t.dataplane.stop()
    const places = { bridges: [], vxlans: [], localMacs: [] }
    for (const { what, remove } of await ownedObjects(t.lab.driver, places))
      expect(await remove(), what).toBeNull()
    // another program may have turned it on
    const left = everything.filter((entry) => t.lab.holds(entry))
    expect(left).toEqual([e.core, e.udpPort, e.udpPort6])
  })
}
