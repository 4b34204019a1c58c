import { expect, test } from 'vitest'
import * as e from '../entries.ts'
import { everything, type Fixture } from '../fixture.ts'

/** Unwanted entries are removed, and nothing else is. */
export function removal(t: Fixture): void {
  const { want, wantInPlace } = t

  test.each(everything.slice(4).map((entry) => [entry.kind, entry] as const))(
    'an unwanted entry is removed, and nothing else: %s',
    async (_kind, entry) => {
      await wantInPlace(...everything)
      t.dataplane.unwant(entry)
      await t.lab.until(() => !t.lab.holds(entry))
      await t.lab.calm()
      for (const other of everything) expect.soft(t.lab.holds(other)).toBe(other !== entry)
    },
  )

  test('an external port leaves the bridge, the device stays', async () => {
    await wantInPlace(...everything)
    t.dataplane.unwant(e.local(1))
    t.dataplane.unwant(e.tapPort)
    await t.lab.until(() => !t.lab.holds(e.tapPort))
    expect(t.lab.driver.link('tap1')).toMatchObject({ master: null, up: false })
  })

  test('a renamed port leaves the bridge when it is unwanted', async () => {
    await wantInPlace(...everything)
    t.lab.rename('tap1', 'stray')
    await t.lab.until(() => t.dataplane.statuses.counts().failed + t.dataplane.statuses.counts().pending > 0)
    t.dataplane.unwant(e.local(1))
    t.dataplane.unwant(e.tapPort)
    await t.lab.until(() => t.lab.driver.link('stray')?.master === null)
    await t.lab.calm()
    expect(t.lab.driver.link('stray')).toMatchObject({ master: null, up: false })
  })

  test('the last thing unwanted takes owned devices with it, and leaves external ones', async () => {
    await wantInPlace(...everything)
    for (const entry of everything) t.dataplane.unwant(entry)
    await t.lab.until(() => t.lab.indexOf('br0') === undefined && t.lab.indexOf('vx0') === undefined)
    expect(t.lab.indexOf('tap1')).toBeDefined()
    expect(t.dataplane.statuses.counts()).toEqual({ wanted: 0, programmed: 0, pending: 0, failed: 0 })
  })

  test('a link stays as long as entries of it are wanted', async () => {
    await wantInPlace(...everything)
    t.dataplane.unwant(e.vxlan)
    await t.lab.calm()
    expect(t.lab.holds(e.remote(2))).toBe(true)
  })

  test('an entry that another program removed already can be unwanted', async () => {
    await wantInPlace(...everything)
    for (const entry of everything.slice(4)) {
      t.lab.forget(entry)
      t.dataplane.unwant(entry)
    }
    await t.lab.calm()
    expect([...t.dataplane.statuses.failures()]).toEqual([])
    expect(t.dataplane.statuses.counts()).toMatchObject({ wanted: 4, programmed: 4 })
  })

  test('an entry that another program removes during a bulk removal is repaired', async () => {
    const macs = Array.from({ length: 3000 }, (_, i) => e.remote(i + 2))
    const [last, ...bulk] = macs.toReversed()
    await wantInPlace(...e.network, e.neighbour('10.0.0.2', 2))
    expect(await want(...macs)).toEqual([])
    const { driver } = t.lab
    const remove = driver.remove.bind(driver)
    let batches = 0
    driver.remove = (entries) => {
      if (++batches === 2) t.lab.forget(last!)
      return remove(entries)
    }
    for (const entry of bulk) t.dataplane.unwant(entry)
    await t.lab.wait(t.dataplane.gone(bulk))
    expect(batches).toBeGreaterThan(2)
    await t.lab.until(() => t.lab.holds(last!))
    expect(bulk.some((entry) => t.lab.holds(entry))).toBe(false)
  })
}
