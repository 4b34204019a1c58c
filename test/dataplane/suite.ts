import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { same } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from './entries.ts'
import type { Lab } from './lab.ts'

/** What every kernel and its driver have to do, whatever they are made of. */
export function dataplaneSuite(name: string, newLab: () => Lab): void {
  describe(name, () => {
    let lab: Lab
    let dataplane: Reconciler

    beforeEach(() => {
      lab = newLab()
      dataplane = lab.restart()
      lab.addInterface('tap1')
    })

    afterEach(() => lab.close())

    /** Wants entries; answers with those that are not programmed afterwards, and why. */
    async function want(...entries: Entry[]) {
      for (const entry of entries) dataplane.want(entry)
      const open = await lab.wait(dataplane.settled(entries))
      return open.map(({ entry, status }) => ({ entry, state: status.state, reason: status.reason }))
    }

    function holding(entries: readonly Entry[]): () => boolean {
      return () => entries.every((entry) => lab.holds(entry))
    }

    async function wantInPlace(...entries: Entry[]) {
      expect(await want(...entries)).toEqual([])
      for (const entry of entries) expect.soft(lab.holds(entry), JSON.stringify(entry)).toBe(true)
    }

    const everything: Entry[] = [
      ...e.network,
      e.local(1),
      e.flood('192.0.2.2'),
      e.flood('192.0.2.3'),
      e.flood('192.0.2.3', 300),
      e.remote(2),
      e.remote(3, '192.0.2.3', 300),
      e.neighbour('10.0.0.2', 2),
      e.neighbour('2001:db8::3', 3),
    ]

    test('entries of every kind are programmed', async () => {
      await wantInPlace(...everything)
      expect(dataplane.statuses.counts()).toEqual({ wanted: 12, applied: 12, pending: 0, failed: 0 })
      expect([...dataplane.statuses.failures()]).toEqual([])
      expect([...dataplane.statuses.entries()].map(({ status }) => status.state)).toEqual(
        Array(12).fill('applied'),
      )
    })

    test('entries may be wanted in any order', async () => {
      await wantInPlace(...everything.toReversed())
    })

    test('an entry replaces the one of its identity', async () => {
      await wantInPlace(...everything)
      const port = { ...e.tapPort, learning: false, neighSuppress: true }
      await wantInPlace(
        e.remote(2, '192.0.2.3'),
        e.remote(3, '192.0.2.3', 301),
        e.neighbour('10.0.0.2', 4),
        port,
        { ...e.bridge, alias: 'chanter:renamed' },
      )
      expect(dataplane.statuses.counts().wanted).toBe(12)
      expect(lab.holds(e.remote(2))).toBe(false)
    })

    test.each(everything.slice(4).map((entry) => [entry.kind, entry] as const))(
      'an unwanted entry is removed, and nothing else: %s',
      async (_kind, entry) => {
        await wantInPlace(...everything)
        dataplane.unwant(entry)
        await lab.until(() => !lab.holds(entry))
        await lab.calm()
        for (const other of everything) expect.soft(lab.holds(other)).toBe(other !== entry)
      },
    )

    test.each([
      ['deleted', () => lab.deleteLink('br0')],
      ['renamed', () => lab.rename('br0', 'stray')],
    ])('a port enters a bridge of ours that somebody has %s and nobody told of', async (_what, mischief) => {
      dataplane = lab.restart({ deaf: true })
      await wantInPlace(...e.network)
      lab.addInterface('tap2')
      mischief()
      const entries: Entry[] = [e.bridge, { ...e.tapPort, device: 'tap2' }, e.local(2, 'tap2')]
      for (const entry of entries) dataplane.want(entry)
      expect(await lab.wait(dataplane.settled(entries))).toEqual([])
      expect(entries.filter((entry) => !lab.holds(entry))).toEqual([])
    })

    test('a port of an external device leaves the bridge, the device stays', async () => {
      await wantInPlace(...everything)
      dataplane.unwant(e.local(1))
      dataplane.unwant(e.tapPort)
      await lab.until(() => !lab.holds(e.tapPort))
      expect(lab.driver.link('tap1')).toMatchObject({ master: null, up: false })
    })

    test('a renamed port leaves the bridge when it is not wanted any more', async () => {
      await wantInPlace(...everything)
      lab.rename('tap1', 'stray')
      await lab.until(() => dataplane.statuses.counts().failed + dataplane.statuses.counts().pending > 0)
      dataplane.unwant(e.local(1))
      dataplane.unwant(e.tapPort)
      await lab.until(() => lab.driver.link('stray')?.master === null)
      await lab.calm()
      expect(lab.driver.link('stray')).toMatchObject({ master: null, up: false })
    })

    test('the last thing unwanted takes the links of ours with it, and leaves those of others', async () => {
      await wantInPlace(...everything)
      for (const entry of everything) dataplane.unwant(entry)
      await lab.until(() => lab.indexOf('br0') === undefined && lab.indexOf('vx0') === undefined)
      expect(lab.indexOf('tap1')).toBeDefined()
      expect(dataplane.statuses.counts()).toEqual({ wanted: 0, applied: 0, pending: 0, failed: 0 })
    })

    test('a link stays as long as entries of it are wanted', async () => {
      await wantInPlace(...everything)
      dataplane.unwant(e.vxlan)
      await lab.calm()
      expect(lab.holds(e.remote(2))).toBe(true)
    })

    test('an entry unwanted and wanted again at once stays', async () => {
      await wantInPlace(...everything)
      const deletions = await lab.deletions()
      for (const entry of everything) dataplane.unwant(entry)
      await wantInPlace(...everything)
      await lab.calm()
      expect(await deletions()).toEqual([])
    })

    test('an entry that another program removed already can be unwanted', async () => {
      await wantInPlace(...everything)
      for (const entry of everything.slice(4)) {
        lab.forget(entry)
        dataplane.unwant(entry)
      }
      await lab.calm()
      expect([...dataplane.statuses.failures()]).toEqual([])
      expect(dataplane.statuses.counts()).toMatchObject({ wanted: 4, applied: 4 })
    })

    test('a MAC moves from remote to local and back', async () => {
      await wantInPlace(...e.network, e.remote(7))
      dataplane.unwant(e.remote(7))
      await wantInPlace(e.local(7))
      await lab.until(() => !lab.holds(e.remote(7)))
      await lab.calm()
      expect(lab.holds(e.local(7))).toBe(true)
      expect(sightings('vx0').filter(({ marked }) => marked)).toEqual([])

      dataplane.unwant(e.local(7))
      await wantInPlace(e.remote(7, '192.0.2.3'))
      await lab.calm()
      expect(lab.holds(e.remote(7, '192.0.2.3'))).toBe(true)
      expect(lab.holds(e.local(7))).toBe(false)
    })

    describe('heals', () => {
      test.each(everything.slice(4).map((entry) => [entry.kind, entry] as const))(
        'an entry that somebody deleted: %s',
        async (_kind, entry) => {
          await wantInPlace(...everything)
          lab.forget(entry)
          expect(lab.holds(entry)).toBe(false)
          await lab.until(() => lab.holds(entry))
        },
      )

      test('an entry that was deleted again and again', async () => {
        await wantInPlace(...everything)
        for (let i = 0; i < 3; i++) {
          lab.forget(e.remote(2))
          await lab.until(() => lab.holds(e.remote(2)))
        }
      })

      test.each([
        ['remote MAC', e.remote(2, '192.0.2.99')],
        ['VNI', e.remote(3, '192.0.2.3', 301)],
        ['neighbour', e.neighbour('10.0.0.2', 99)],
      ])('an entry that somebody changed: %s', async (_kind, other) => {
        await wantInPlace(...everything)
        for (const marked of [false, true]) {
          lab.overwrite(other, marked)
          expect(holding(everything)()).toBe(false)
          await lab.until(holding(everything))
        }
      })

      test('a neighbour entry that lost its mark', async () => {
        await wantInPlace(...everything)
        lab.overwrite(e.neighbour('10.0.0.2', 2))
        await lab.until(() =>
          sightings('br0').some(({ entry, marked }) => marked && same(entry, e.neighbour('10.0.0.2', 2))),
        )
      })

      test('a MAC that was taken for remote for a moment', async () => {
        await wantInPlace(...everything)
        dataplane.want(e.remote(1))
        await lab.until(() => lab.holds(e.remote(1)))
        dataplane.unwant(e.remote(1))
        await lab.until(() => lab.holds(e.local(1)))
      })

      test('a MAC that the bridge moved to another port', async () => {
        await wantInPlace(...everything)
        lab.addInterface('tap2')
        lab.enslave('tap2', 'br0')
        lab.overwrite(e.local(2, 'tap2'))
        await lab.until(holding(everything))
      })

      test('a deleted VXLAN device', async () => {
        await wantInPlace(...everything)
        lab.deleteLink('vx0')
        await lab.until(holding(everything))
      })

      test('a deleted bridge', async () => {
        await wantInPlace(...everything)
        lab.deleteLink('br0')
        await lab.until(holding(everything))
      })

      test('a port that another program took out of the bridge', async () => {
        await wantInPlace(...everything)
        for (const port of ['tap1', 'vx0']) lab.enslave(port, null)
        await lab.until(holding(everything))
      })

      test('an owned link that was set down', async () => {
        await wantInPlace(...everything)
        lab.setDown('vx0')
        await lab.until(holding(everything))
      })

      test('an external device that went and came back', async () => {
        await wantInPlace(...everything)
        lab.deleteLink('tap1')
        await lab.until(() => dataplane.status(e.local(1)).state === 'failed')
        lab.addInterface('tap1')
        await lab.until(holding(everything))
        expect(dataplane.statuses.counts().failed).toBe(0)
      })
    })

    test('external removals during a bulk removal are repaired', async () => {
      const macs = Array.from({ length: 3000 }, (_, i) => e.remote(i + 2))
      const [last, ...bulk] = macs.toReversed()
      await wantInPlace(...e.network, e.neighbour('10.0.0.2', 2))
      expect(await want(...macs)).toEqual([])
      const { driver } = lab
      const remove = driver.remove.bind(driver)
      let batches = 0
      driver.remove = (entries) => {
        if (++batches === 2) lab.forget(last!)
        return remove(entries)
      }
      for (const entry of bulk) dataplane.unwant(entry)
      await lab.wait(dataplane.gone(bulk))
      expect(batches).toBeGreaterThan(2)
      await lab.until(() => lab.holds(last!))
      expect(bulk.some((entry) => lab.holds(entry))).toBe(false)
    })

    describe('adoption', () => {
      test('a new daemon takes over without touching what is right', async () => {
        await wantInPlace(...everything)
        const indexes = ['br0', 'vx0'].map((link) => lab.indexOf(link))
        const deletions = await lab.deletions()
        dataplane = lab.restart()
        await wantInPlace(...everything)
        dataplane.complete()
        await lab.calm()
        expect(await deletions()).toEqual([])
        expect(['br0', 'vx0'].map((link) => lab.indexOf(link))).toEqual(indexes)
      })

      test('stale entries stay until the desired state is complete', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
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
        await lab.calm()
        for (const entry of stale) expect(lab.holds(entry)).toBe(true)
        expect([...dataplane.statuses.stale()]).toHaveLength(stale.length)
        dataplane.complete()
        await lab.until(() => stale.every((entry) => !lab.holds(entry)))
        await lab.calm()
        for (const entry of wanted) expect(lab.holds(entry)).toBe(true)
        expect([...dataplane.statuses.stale()]).toEqual([])
      })

      test('an entry that is wanted later is found to be programmed', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        await wantInPlace(...e.network)
        await wantInPlace(...everything)
        dataplane.complete()
        await lab.calm()
        expect(holding(everything)()).toBe(true)
      })

      test('an entry that is wanted with other fields is changed', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        await wantInPlace(...e.network)
        await wantInPlace(e.remote(2, '192.0.2.77'), e.neighbour('10.0.0.2', 77))
      })

      test('half a remote MAC is made whole', async () => {
        await wantInPlace(...everything)
        dataplane.stop()
        lab.forget(e.local(2, 'vx0'))
        dataplane = lab.restart()
        await wantInPlace(...everything)
      })

      test('half a remote MAC that is wanted only later is made whole', async () => {
        await wantInPlace(...everything)
        dataplane.stop()
        lab.deleteLink('br0')
        dataplane = lab.restart()
        await wantInPlace(...e.network)
        await lab.calm()
        await wantInPlace(...everything)
      })

      test('an unwanted entry is reported as gone when it is gone, and not before', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        for (const entry of everything) dataplane.want(entry)
        for (const entry of everything) dataplane.unwant(entry)
        dataplane.complete()
        await lab.wait(dataplane.gone(everything))
        for (const entry of everything) expect(lab.holds(entry), JSON.stringify(entry)).toBe(false)
        expect(dataplane.verifier.orphans()).toEqual([])
      })

      test('networks that leave together take nothing along that is wanted, or of others', async () => {
        const leaving = Array.from({ length: 20 }, (_, i) => e.networkOf(1000 + i)).flat()
        await wantInPlace(...everything, ...leaving)
        lab.addInterface('theirs')
        for (const entry of leaving) dataplane.unwant(entry)
        const staying = e.networkOf(2000)
        await wantInPlace(...staying)
        await lab.wait(dataplane.gone(leaving))
        for (const { device } of leaving) expect.soft(lab.indexOf(device), device).toBe(undefined)
        for (const entry of [...everything, ...staying]) expect(lab.holds(entry)).toBe(true)
        expect(lab.indexOf('theirs')).toBeDefined()
      })

      test('entries without our mark are external, and stay', async () => {
        await wantInPlace(...everything)
        const theirs = [e.remote(50, '192.0.2.50'), e.neighbour('10.0.0.50', 50)]
        for (const entry of theirs) lab.overwrite(entry)
        dataplane = lab.restart()
        await wantInPlace(...everything)
        dataplane.complete()
        await lab.calm()
        for (const entry of theirs) expect(lab.driver.dump(entry.device)).toBeDefined()
        expect(sightings('vx0')).toContainEqual(
          expect.objectContaining({ entry: expect.objectContaining(theirs[0]), marked: false }),
        )
        expect(sightings('br0')).toContainEqual({ entry: theirs[1], marked: false })
      })

      test('an owned entry that another program changed stays, and our other entries go', async () => {
        await wantInPlace(...e.network, e.remote(2))
        dataplane.stop()
        lab.overwrite(e.remote(2, '192.0.2.50'))
        dataplane = lab.restart()
        await wantInPlace(...e.network)
        dataplane.complete()
        await lab.calm()
        const left = sightings('vx0').filter(({ entry }) => 'mac' in entry && entry.mac === e.mac(2))
        expect(left).toHaveLength(1)
        expect(left[0]).toMatchObject({ entry: { dst: e.ip('192.0.2.50') }, marked: false })
      })

      test('a VXLAN device with another VNI is made anew', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        const index = lab.indexOf('vx0')
        const other = { ...e.vxlan, vni: 999 }
        await wantInPlace(...everything.map((entry) => (entry === e.vxlan ? other : entry)))
        expect(lab.indexOf('vx0')).not.toBe(index)
      })

      test('stale links of chanter are reported and kept', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        dataplane.complete()
        await lab.calm()
        expect(
          dataplane.verifier
            .orphans()
            .map((link) => link.name)
            .sort(),
        ).toEqual(['br0', 'vx0'])
        await wantInPlace(e.bridge)
        expect(dataplane.verifier.orphans().map((link) => link.name)).toEqual(['vx0'])
      })

      test('an adopted entry that went since is programmed again', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        await wantInPlace(...e.network)
        const gone = everything.slice(4)
        for (const entry of gone) lab.forget(entry)
        await lab.calm()
        await wantInPlace(...gone)
      })

      test('half a remote MAC that went since is programmed again', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        await wantInPlace(...e.network)
        lab.forget(e.local(2, 'vx0'))
        await lab.calm()
        await wantInPlace(e.remote(2))
      })
    })

    describe('drift', () => {
      test('is what others change, and not what we change, however often', async () => {
        await wantInPlace(...everything)
        dataplane.complete()
        for (let i = 0; i < 20; i++) {
          await want(e.remote(2, `192.0.2.${10 + (i % 2)}`), e.neighbour('10.0.0.2', 20 + i))
          dataplane.unwant(e.remote(3))
          await want(e.local(3))
          dataplane.unwant(e.local(3))
          await want(e.remote(3, '192.0.2.3', 300))
        }
        await lab.calm()
        expect(dataplane.drift.summary()).toEqual({ count: 0, last: null, contested: 0, worst: null })
      })

      test('is repaired and counted, and an entry with repeated drift is reported', async () => {
        await wantInPlace(...everything)
        lab.forget(e.remote(3, '192.0.2.3', 300))
        for (let i = 0; i < 5; i++) {
          lab.forget(e.remote(2))
          await lab.until(() => dataplane.drift.summary().count === i + 2)
          await lab.until(holding(everything))
          expect(dataplane.drift.summary().contested).toBe(i < 4 ? 0 : 1)
        }
        expect(dataplane.drift.summary().worst).toMatchObject({ entry: e.remote(2), changes: 5 })
        dataplane.unwant(e.remote(2))
        expect(dataplane.drift.summary()).toMatchObject({ count: 6, contested: 0, worst: null })
      })
    })

    describe('verification', () => {
      const verify = () => lab.wait(dataplane.verifier.verify())

      beforeEach(async () => {
        dataplane = lab.restart({ deaf: true })
        dataplane.complete()
        await wantInPlace(...everything)
      })

      test('finds nothing where the kernel holds what is wanted', async () => {
        lab.overwrite(e.neighbour('10.0.0.50', 50))
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
          unreadable: [],
        })
      })

      test('finds missing, different and extra entries, and has them repaired', async () => {
        const gone = [e.local(1), e.flood('192.0.2.3'), e.neighbour('2001:db8::3', 3)]
        for (const entry of gone) lab.forget(entry)
        const moved = e.remote(2, '192.0.2.66')
        lab.overwrite(moved, true)
        const extra = e.remote(66, '192.0.2.66')
        lab.overwrite(extra, true)
        expect(dataplane.statuses.counts()).toMatchObject({ applied: 12 })
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
        await lab.until(holding(everything))
        await lab.until(() => !sightings('vx0').some(({ entry }) => 'mac' in entry && entry.mac === mac))
        expect(await verify()).toMatchObject({ faults: [] })
      })

      test('finds half of a remote MAC missing', async () => {
        lab.forget(e.local(2, 'vx0'))
        expect((await verify()).faults).toEqual([{ fault: 'missing', entry: e.remote(2), found: null }])
        await lab.until(holding(everything))
      })

      test('finds links that are gone, changed or stale, and ports that are elsewhere', async () => {
        lab.setDown('br0')
        lab.enslave('tap1', null)
        lab.addBridge('br7')
        lab.setAlias('br7', 'chanter:gone')
        const { faults, orphans } = await verify()
        expect(faults).toContainEqual({ fault: 'different', entry: e.bridge, found: null })
        expect(faults).toContainEqual({ fault: 'different', entry: e.tapPort, found: null })
        expect(orphans).toMatchObject([{ name: 'br7', alias: 'chanter:gone' }])
        lab.deleteLink('vx0')
        expect((await verify()).faults).toContainEqual({ fault: 'missing', entry: e.vxlan, found: null })
        await lab.until(holding(everything))
      })

      test('does not report entries that are failed, pending or changing', async () => {
        dataplane.want({ ...e.tapPort, device: 'tap9' })
        const many = Array.from({ length: 2000 }, (_, i) => e.remote(i + 1000))
        for (const entry of many.slice(0, 1000)) dataplane.want(entry)
        const verified = dataplane.verifier.verify()
        for (const entry of many.slice(1000)) dataplane.want(entry)
        for (const entry of many.slice(500, 1500)) dataplane.unwant(entry)
        expect(await lab.wait(verified)).toMatchObject({ faults: [], unreadable: [] })
      })
    })

    describe('failures', () => {
      test('a missing interface is reported, blocks no other entry, and is used as soon as it appears', async () => {
        const port = { ...e.tapPort, device: 'tap2' }
        const address = e.local(9, 'tap2')
        const open = await want(...everything, port, address)
        expect(open).toEqual([
          { entry: port, state: 'failed', reason: 'interface tap2 does not exist' },
          { entry: address, state: 'failed', reason: 'interface tap2 does not exist' },
        ])
        expect(holding(everything)()).toBe(true)
        expect(dataplane.statuses.counts()).toEqual({ wanted: 14, applied: 12, pending: 0, failed: 2 })
        expect([...dataplane.statuses.failures()].map(({ entry }) => entry)).toEqual([port, address])
        lab.addInterface('tap2')
        await lab.until(holding([port, address]))
        await lab.until(() => dataplane.statuses.counts().failed === 0)
      })

      test('a device that is not ours is refused and not touched', async () => {
        lab.addBridge('br0')
        const before = lab.driver.link('br0')
        const reason = 'interface br0 exists and is not owned by chanter: it has no alias, not "chanter:..."'
        const open = await want(e.bridge, e.neighbour('10.0.0.2', 2))
        expect(open.map((item) => item.reason)).toEqual([reason, reason])
        dataplane.unwant(e.neighbour('10.0.0.2', 2))
        dataplane.unwant(e.bridge)
        await lab.calm()
        expect(lab.driver.link('br0')).toEqual(before)
        expect([...dataplane.statuses.failures()]).toEqual([])
      })

      test('an owned link with a changed alias gets it back, and blocks nothing', async () => {
        await wantInPlace(...everything)
        const index = lab.indexOf('vx0')
        lab.setAlias('vx0', 'customer-4711')
        await wantInPlace(e.remote(9))
        await lab.until(holding([...everything, e.remote(9)]))
        expect(lab.indexOf('vx0')).toBe(index)
      })

      test('the VTEP address of a VXLAN device changes without recreating it', async () => {
        await wantInPlace(...everything)
        const index = lab.indexOf('vx0')
        await wantInPlace({ ...e.vxlan, local: e.ip('192.0.2.7') })
        await lab.calm()
        expect(lab.driver.link('vx0')).toMatchObject({ index, local: e.ip('192.0.2.7') })
        expect([...dataplane.statuses.failures()]).toEqual([])
      })

      test('an owned link with a changed alias goes when it is not wanted', async () => {
        await wantInPlace(...everything)
        lab.setAlias('vx0', 'customer-4711')
        for (const entry of everything) dataplane.unwant(entry)
        await lab.wait(dataplane.gone(everything))
        expect(lab.indexOf('vx0')).toBeUndefined()
      })

      test('a refused device is taken once the other one is gone', async () => {
        lab.addBridge('br0')
        expect(await want(e.bridge)).toHaveLength(1)
        lab.deleteLink('br0')
        await lab.until(() => lab.holds(e.bridge))
      })

      test("the kernel's own words are passed on", async () => {
        await wantInPlace(e.bridge, e.vxlan)
        const twin = { ...e.vxlan, device: 'vx1' }
        expect(await want(twin)).toEqual([
          {
            entry: twin,
            state: 'failed',
            reason: 'EEXIST: A VXLAN device with the specified VNI already exists',
          },
        ])
        expect(lab.indexOf('vx1')).toBeUndefined()
      })

      test('a port waits for its bridge', async () => {
        const reason = 'interface br0 does not exist'
        expect(await want(e.tapPort, e.local(1))).toEqual([
          { entry: e.tapPort, state: 'failed', reason },
          { entry: e.local(1), state: 'failed', reason },
        ])
        await wantInPlace(e.bridge)
        await lab.until(holding([e.tapPort, e.local(1)]))
      })

      test('in an external bridge, a MAC waits until its port is in the bridge', async () => {
        lab.addBridge('br9')
        expect(await want(e.local(1))).toMatchObject([{ reason: 'interface tap1 is in no bridge' }])
        lab.enslave('tap1', 'br9')
        await lab.until(() => lab.holds(e.local(1)))
      })

      test('an entry that is wanted while its port fails is programmed with it', async () => {
        await wantInPlace(e.bridge, e.vxlan)
        await want({ ...e.vxlanPort, bridge: 'br9' }, e.remote(2))
        expect((await want(e.remote(3, '192.0.2.3', 300))).map(({ reason }) => reason)).toEqual([
          'interface br9 does not exist',
        ])
        await wantInPlace(e.vxlanPort)
        await lab.until(holding([e.remote(2), e.remote(3, '192.0.2.3', 300)]))
      })

      test('a port that another program moved to another bridge stays there when it is unwanted', async () => {
        await wantInPlace(...e.network)
        lab.addBridge('br9')
        lab.enslave('tap1', 'br9')
        dataplane.unwant(e.tapPort)
        await lab.calm()
        expect(lab.driver.link('tap1')?.master).toBe('br9')
      })
    })

    describe('a bridge that the agent named', () => {
      const bridge = { ...e.bridge, given: true }
      const port = { ...e.tapPort, given: true }
      const entries = [
        bridge,
        e.vxlan,
        e.vxlanPort,
        port,
        e.local(1),
        e.remote(2),
        e.neighbour('10.0.0.2', 2),
      ]
      const unwantAll = () => {
        for (const entry of entries) dataplane.unwant(entry)
      }
      const isGone = (name: string) => () => lab.indexOf(name) === undefined

      test('is made where it is missing, and goes when it is not wanted', async () => {
        await wantInPlace(...entries)
        expect(lab.driver.link('br0')).toMatchObject({ alias: 'chanter:net1', up: true, tuned: true })
        unwantAll()
        await lab.until(isGone('br0'))
        expect(lab.driver.link('tap1')).toMatchObject({ master: null })
        expect(lab.indexOf('vx0')).toBeUndefined()
      })

      test('is used unchanged if it is external, and left behind with its ports', async () => {
        lab.addBridge('br0')
        lab.enslave('tap1', 'br0')
        const before = [lab.driver.link('br0'), lab.driver.link('tap1')]
        await wantInPlace(...entries)
        await lab.calm()
        expect([lab.driver.link('br0'), lab.driver.link('tap1')]).toMatchObject(
          // a bridge takes the lowest MAC address of its ports
          before.map((link) => ({
            ...link,
            mtu: expect.anything(),
            mac: expect.toSatisfy(() => true),
            carrier: expect.anything(),
            forwarding: expect.anything(),
            xdpProgram: expect.toSatisfy(() => true),
          })),
        )
        unwantAll()
        await lab.until(isGone('vx0'))
        await lab.calm()
        expect(lab.driver.link('tap1')?.master).toBe('br0')
      })

      test('gets the local port put in, but not out of another bridge', async () => {
        lab.addBridge('br0')
        lab.addBridge('br9')
        lab.enslave('tap1', 'br9')
        expect(await want(...entries)).toMatchObject([
          { entry: port, reason: 'interface tap1 is in br9 already' },
          { entry: e.local(1) },
        ])
        lab.enslave('tap1', null)
        await lab.until(holding(entries))
      })

      test('stays while an external port is in it, and goes with that port', async () => {
        await wantInPlace(...entries)
        lab.addInterface('tap2')
        lab.enslave('tap2', 'br0')
        unwantAll()
        await lab.until(isGone('vx0'))
        await lab.until(() => [...dataplane.statuses.failures()].some(({ entry }) => entry.kind === 'bridge'))
        expect([...dataplane.statuses.failures()]).toMatchObject([
          { status: { reason: 'bridge br0 has other ports: tap2' } },
        ])
        expect(lab.driver.link('tap2')?.master).toBe('br0')
        lab.enslave('tap2', null)
        await lab.until(isGone('br0'))
      })

      test('is recreated with all its ports after a deletion', async () => {
        lab.addBridge('br0')
        await wantInPlace(...entries)
        lab.deleteLink('br0')
        await lab.until(holding(entries))
      })

      test('may be replaced by an external one', async () => {
        await wantInPlace(...entries)
        lab.deleteLink('br0')
        lab.addBridge('br0')
        await lab.until(holding(entries))
        expect(lab.driver.link('br0')?.alias).toBeNull()
      })
    })

    describe('the MTU of a VXLAN device', () => {
      test('is the desired one after any change', async () => {
        const vxlan = { ...e.vxlan, mtu: 8000 }
        await wantInPlace(e.bridge, vxlan)
        const index = lab.indexOf('vx0')
        lab.setMtu('vx0', 1400)
        await lab.until(() => lab.holds(vxlan))
        await wantInPlace({ ...e.vxlan, mtu: 1400 })
        expect(lab.indexOf('vx0')).toBe(index)
      })

      test('follows its underlay', async () => {
        lab.setMtu('tap1', 9000)
        await wantInPlace(e.bridge, { ...e.vxlan, underlay: 'tap1' })
        expect(lab.driver.link('vx0')?.mtu).toBe(8950)
        lab.setMtu('tap1', 4000)
        await lab.until(() => lab.driver.link('vx0')?.mtu === 3950)
        lab.setMtu('tap1', 1500)
        await lab.until(() => lab.driver.link('vx0')?.mtu === 1500)
      })
    })

    test('a neighbour may be a router, and cease to be one', async () => {
      await wantInPlace(...e.network, e.remote(2), e.neighbour('2001:db8::2', 2, true))
      await wantInPlace(e.neighbour('2001:db8::2', 2))
      await wantInPlace(e.neighbour('2001:db8::2', 2, true))
    })

    test('a remote MAC gets its place in the bridge when the VXLAN device does', async () => {
      await wantInPlace(e.bridge, e.vxlan, e.remote(2))
      await wantInPlace(e.vxlanPort)
      await lab.until(() => lab.holds(e.remote(2)))
    })

    test('the interface and the VXLAN device of a bridge can be asked for', async () => {
      await wantInPlace(...e.network)
      expect(dataplane.interfaceNamed('vx0')).toMatchObject({
        name: 'vx0',
        index: lab.indexOf('vx0'),
        kind: 'vxlan',
        alias: 'chanter:net1',
        master: 'br0',
        up: true,
        vni: e.VNI,
      })
      expect(dataplane.interfaceNamed('none')).toBeUndefined()
      expect(dataplane.vxlanIn('br0', e.VNI)?.name).toBe('vx0')
      expect(dataplane.vxlanIn('br0', 1)).toBeUndefined()
      expect(dataplane.vxlanIn('none', 1)).toBeUndefined()
    })

    test('VTEPs may have IPv6 addresses', async () => {
      const vxlan6 = { ...e.vxlan, local: e.ip('2001:db8::1') }
      await wantInPlace(
        e.bridge,
        vxlan6,
        e.vxlanPort,
        e.flood('2001:db8::2'),
        e.remote(2, '2001:db8::2'),
        e.remote(3, '2001:db8::3', 300),
        e.neighbour('2001:db8:1::2', 2),
      )
      lab.forget(e.remote(3, '2001:db8::3', 300))
      await lab.until(() => lab.holds(e.remote(3, '2001:db8::3', 300)))
    })

    test('10,000 remote MACs with their neighbours', async () => {
      const many: Entry[] = []
      for (let i = 0; i < 10_000; i++) {
        many.push(e.remote(1000 + i, `192.0.2.${2 + (i % 64)}`))
        many.push(e.neighbour(`10.1.${i >> 8}.${i & 255}`, 1000 + i))
      }
      expect(await want(...e.network, ...many)).toEqual([])
      expect(dataplane.statuses.counts()).toEqual({ wanted: 20_004, applied: 20_004, pending: 0, failed: 0 })
      expect(await countOf('vx0', 'remote-mac')).toBe(10_000)
      expect(await countOf('br0', 'neighbour')).toBe(10_000)
      for (const entry of many) dataplane.unwant(entry)
      await lab.until(() =>
        sightings('vx0').every(({ entry, marked }) => !marked || entry.kind !== 'remote-mac'),
      )
      await lab.until(() => !lab.holds(e.neighbour('10.1.0.0', 1000)))
      await lab.calm()
      expect(await countOf('br0', 'neighbour')).toBe(0)
    })

    function sightings(device: string) {
      return [...lab.driver.dump(device)].flat()
    }

    async function countOf(device: string, kind: Entry['kind']): Promise<number> {
      return [...lab.driver.dump(device)].flat().filter(({ entry, marked }) => marked && entry.kind === kind)
        .length
    }
  })
}
