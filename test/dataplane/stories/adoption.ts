import { describe, expect, test } from 'vitest'
import * as e from '../entries.ts'
import { everything, type Fixture } from '../fixture.ts'
import { unchanged } from './unchanged.ts'

/** A new daemon takes over what the one before it has left. */
export function adoption(t: Fixture): void {
  const { holding, observed, wantInPlace } = t

  describe('adoption', () => {
    unchanged(t, everything, ['br0', 'vx0'])

    test('what is not wanted again stays until the desired state is complete', async () => {
      await wantInPlace(...everything)
      t.restart()
      const stale = [
        e.local(1),
        e.flood('192.0.2.3'),
        e.remote(3, '192.0.2.3', 300),
        e.neighbour('2001:db8::3', 3),
      ]
      const wanted = everything.filter(
        (entry) => !stale.some((other) => JSON.stringify(entry) === JSON.stringify(other)),
      )
      await wantInPlace(...wanted)
      await t.lab.calm()
      for (const entry of stale) expect(t.lab.holds(entry)).toBe(true)
      expect([...t.dataplane.statuses.stale()]).toHaveLength(stale.length)
      t.dataplane.complete()
      await t.lab.until(() => stale.every((entry) => !t.lab.holds(entry)))
      await t.lab.calm()
      for (const entry of wanted) expect(t.lab.holds(entry)).toBe(true)
      expect([...t.dataplane.statuses.stale()]).toEqual([])
    })

    test('what is wanted only later is found to be in place', async () => {
      await wantInPlace(...everything)
      t.restart()
      await wantInPlace(...e.network)
      await wantInPlace(...everything)
      t.dataplane.complete()
      await t.lab.calm()
      expect(holding(everything)()).toBe(true)
    })

    test('what is wanted otherwise now is changed', async () => {
      await wantInPlace(...everything)
      t.restart()
      await wantInPlace(...e.network)
      await wantInPlace(e.remote(2, '192.0.2.77'), e.neighbour('10.0.0.2', 77))
    })

    test('half a remote MAC is made whole', async () => {
      await wantInPlace(...everything)
      t.dataplane.stop()
      t.lab.forget(e.local(2, 'vx0'))
      t.restart()
      await wantInPlace(...everything)
    })

    test('half a remote MAC that is wanted only later is made whole', async () => {
      await wantInPlace(...everything)
      t.dataplane.stop()
      t.lab.deleteLink('br0')
      t.restart()
      await wantInPlace(...e.network)
      await t.lab.calm()
      await wantInPlace(...everything)
    })

    test('an unwanted entry is reported as gone when it is, and not before', async () => {
      await wantInPlace(...everything)
      t.restart()
      for (const entry of everything) t.dataplane.want(entry)
      for (const entry of everything) t.dataplane.unwant(entry)
      t.dataplane.complete()
      await t.lab.wait(t.dataplane.gone(everything))
      for (const entry of everything) expect(t.lab.holds(entry), JSON.stringify(entry)).toBe(false)
      expect(await t.orphans()).toEqual([])
    })

    test('networks that leave together take nothing along that is wanted, or of others', async () => {
      const leaving = Array.from({ length: 20 }, (_, i) => e.networkOf(1000 + i)).flat()
      await wantInPlace(...everything, ...leaving)
      t.lab.addInterface('theirs')
      for (const entry of leaving) t.dataplane.unwant(entry)
      const staying = e.networkOf(2000)
      await wantInPlace(...staying)
      await t.lab.wait(t.dataplane.gone(leaving))
      for (const { device } of leaving) expect.soft(t.lab.indexOf(device), device).toBe(undefined)
      for (const entry of [...everything, ...staying]) expect(t.lab.holds(entry)).toBe(true)
      expect(t.lab.indexOf('theirs')).toBeDefined()
    })

    test('what is released stays as it was, and is adopted by the next who wants it', async () => {
      await wantInPlace(...everything)
      t.restart()
      const adopted = [...e.network, e.local(1), e.remote(2)]
      const impossible = { ...e.tapPort, device: 'nope' }
      const stale = await t.lab.wait(t.dataplane.staleDevices([...adopted, impossible]))
      expect([...stale].sort()).toEqual(['br0', 'tap1', 'vx0'])
      expect(await t.want(...adopted, impossible)).toMatchObject([{ entry: impossible }])
      expect(await t.lab.wait(t.dataplane.staleDevices(adopted))).toEqual([])
      for (const entry of adopted) t.dataplane.release(entry)
      t.dataplane.unwant(impossible)
      t.dataplane.complete()
      await t.lab.wait(t.dataplane.gone([...adopted, impossible]))
      await t.lab.calm()
      for (const entry of everything) expect(t.lab.holds(entry), JSON.stringify(entry)).toBe(true)
      expect(t.dataplane.statuses.counts()).toMatchObject({ wanted: 0 })
      expect(await t.orphans()).toEqual(['br0', 'vx0'])
      await wantInPlace(...everything)
      for (const entry of e.network) t.dataplane.unwant(entry)
      expect(await t.lab.wait(t.dataplane.staleDevices(e.network))).toEqual([])
    })

    test('entries without our ownership mark stay', async () => {
      await wantInPlace(...everything)
      const theirs = [e.remote(50, '192.0.2.50'), e.neighbour('10.0.0.50', 50)]
      for (const entry of theirs) t.lab.overwrite(entry)
      t.restart()
      await wantInPlace(...everything)
      t.dataplane.complete()
      await t.lab.calm()
      for (const entry of theirs) expect(t.lab.driver.dump(entry.device)).toBeDefined()
      expect(observed('vx0')).toContainEqual(
        expect.objectContaining({ entry: expect.objectContaining(theirs[0]), marked: false }),
      )
      expect(observed('br0')).toContainEqual({ entry: theirs[1], marked: false })
    })

    test('what others made of an entry of ours stays, and the rest of ours goes', async () => {
      await wantInPlace(...e.network, e.remote(2))
      t.dataplane.stop()
      t.lab.overwrite(e.remote(2, '192.0.2.50'))
      t.restart()
      await wantInPlace(...e.network)
      t.dataplane.complete()
      await t.lab.calm()
      const left = observed('vx0').filter(({ entry }) => 'mac' in entry && entry.mac === e.mac(2))
      expect(left).toHaveLength(1)
      expect(left[0]).toMatchObject({ entry: { dst: e.ip('192.0.2.50') }, marked: false })
    })

    test('a VXLAN device with another VNI is made anew', async () => {
      await wantInPlace(...everything)
      t.restart()
      const index = t.lab.indexOf('vx0')
      const other = { ...e.vxlan, vni: 999 }
      await wantInPlace(...everything.map((entry) => (entry === e.vxlan ? other : entry)))
      expect(t.lab.indexOf('vx0')).not.toBe(index)
    })

    test('stale devices of chanter are reported and kept', async () => {
      await wantInPlace(...everything)
      t.restart()
      t.dataplane.complete()
      await t.lab.calm()
      expect(await t.orphans()).toEqual(['br0', 'vx0'])
      await wantInPlace(e.bridge)
      expect(await t.orphans()).toEqual(['vx0'])
    })

    test('what was found in place and went since is put in place again', async () => {
      await wantInPlace(...everything)
      t.restart()
      await wantInPlace(...e.network)
      const gone = everything.slice(4)
      for (const entry of gone) t.lab.forget(entry)
      await t.lab.calm()
      await wantInPlace(...gone)
    })

    test('half a remote MAC that went since is put in place again', async () => {
      await wantInPlace(...everything)
      t.restart()
      await wantInPlace(...e.network)
      t.lab.forget(e.local(2, 'vx0'))
      await t.lab.calm()
      await wantInPlace(e.remote(2))
    })
  })
}
