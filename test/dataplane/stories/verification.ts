import { beforeEach, describe, expect, test } from 'vitest'
import * as e from '../entries.ts'
import { everything, type Fixture } from '../fixture.ts'

/** A verification compares the kernel with the desired state. */
export function verification(t: Fixture): void {
  const { holding, observed, wantInPlace } = t

  describe('verification', () => {
    const verify = () => t.lab.wait(t.dataplane.verifier.verify())

    beforeEach(async () => {
      t.restart({ deaf: true })
      t.dataplane.complete()
      await wantInPlace(...everything)
    })

    test('finds nothing where the kernel holds what is wanted', async () => {
      t.lab.overwrite(e.neighbour('10.0.0.50', 50))
      expect(await verify()).toEqual({
        devices: 3,
        entries: 12,
        missing: 0,
        different: 0,
        extra: 0,
        failed: 0,
        pending: 0,
        faults: [],
        orphans: [],
        stale: 0,
        outdated: [],
        unreadable: [],
      })
    })

    test('finds and repairs what is missing, different or too much', async () => {
      const gone = [e.local(1), e.flood('192.0.2.3'), e.neighbour('2001:db8::3', 3)]
      for (const entry of gone) t.lab.forget(entry)
      const moved = e.remote(2, '192.0.2.66')
      t.lab.overwrite(moved, true)
      const extra = e.remote(66, '192.0.2.66')
      t.lab.overwrite(extra, true)
      expect(t.dataplane.statuses.counts()).toMatchObject({ programmed: 12 })
      const { faults, ...counts } = await verify()
      expect(counts).toMatchObject({ missing: 3, different: 1, extra: 1 })
      expect(faults).toHaveLength(5)
      for (const entry of gone) expect(faults).toContainEqual({ fault: 'missing', entry, found: null })
      expect(faults).toContainEqual({ fault: 'different', entry: e.remote(2), found: moved })
      const { kind, mac } = extra
      expect(faults).toContainEqual({
        fault: 'extra',
        entry: expect.objectContaining({ kind, mac }),
        found: null,
      })
      await t.lab.until(holding(everything))
      await t.lab.until(() => !observed('vx0').some(({ entry }) => 'mac' in entry && entry.mac === mac))
      expect(await verify()).toMatchObject({ faults: [] })
    })

    test('finds half of a remote MAC missing', async () => {
      t.lab.forget(e.local(2, 'vx0'))
      expect((await verify()).faults).toEqual([{ fault: 'missing', entry: e.remote(2), found: null }])
      await t.lab.until(holding(everything))
    })

    test('finds devices that are gone, changed or without owner, and ports of other masters', async () => {
      t.lab.setDown('br0')
      t.lab.enslave('tap1', null)
      t.lab.addBridge('br7')
      t.lab.setAlias('br7', 'chanter:gone')
      const { faults, orphans } = await verify()
      expect(faults).toContainEqual({ fault: 'different', entry: e.bridge, found: null })
      expect(faults).toContainEqual({ fault: 'different', entry: e.tapPort, found: null })
      expect(orphans).toMatchObject([{ name: 'br7', alias: 'chanter:gone' }])
      t.lab.deleteLink('vx0')
      expect((await verify()).faults).toContainEqual({ fault: 'missing', entry: e.vxlan, found: null })
      await t.lab.until(holding(everything))
    })

    test('does not call a fault what is known not to be in place, or what is changing', async () => {
      t.dataplane.want({ ...e.tapPort, device: 'tap9' })
      const many = Array.from({ length: 2000 }, (_, i) => e.remote(i + 1000))
      for (const entry of many.slice(0, 1000)) t.dataplane.want(entry)
      const verified = t.dataplane.verifier.verify()
      for (const entry of many.slice(1000)) t.dataplane.want(entry)
      for (const entry of many.slice(500, 1500)) t.dataplane.unwant(entry)
      expect(await t.lab.wait(verified)).toMatchObject({ faults: [], unreadable: [] })
    })
  })
}
