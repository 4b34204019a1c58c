import { describe, expect, test } from 'vitest'
import { same } from '../../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../../src/dataplane/model.ts'
import * as e from '../entries.ts'
import { everything, type Fixture } from '../fixture.ts'

/** What other programs delete or change is repaired. */
export function repair(t: Fixture): void {
  const { holding, observed, wantInPlace } = t

  describe('heals', () => {
    test.each(everything.slice(4).map((entry) => [entry.kind, entry] as const))(
      'an entry that another program deleted: %s',
      async (_kind, entry) => {
        await wantInPlace(...everything)
        t.lab.forget(entry)
        expect(t.lab.holds(entry)).toBe(false)
        await t.lab.until(() => t.lab.holds(entry))
      },
    )

    test('an entry that another program deletes again and again', async () => {
      await wantInPlace(...everything)
      for (let i = 0; i < 3; i++) {
        t.lab.forget(e.remote(2))
        await t.lab.until(() => t.lab.holds(e.remote(2)))
      }
    })

    test.each([
      ['remote MAC', e.remote(2, '192.0.2.99')],
      ['VNI', e.remote(3, '192.0.2.3', 301)],
      ['neighbour', e.neighbour('10.0.0.2', 99)],
    ])('an entry that another program changed: %s', async (_kind, other) => {
      await wantInPlace(...everything)
      for (const marked of [false, true]) {
        t.lab.overwrite(other, marked)
        expect(holding(everything)()).toBe(false)
        await t.lab.until(holding(everything))
      }
    })

    /** Whether another program's entry with our mark, of MAC address 77, is there. */
    const isAdded = ({ device }: Entry) =>
      observed(device).some(({ entry, marked }) => marked && 'mac' in entry && entry.mac === e.mac(77))

    test.each([e.remote(77, '192.0.2.99'), e.local(77)])(
      'an entry with our mark that another program added: $kind',
      async (added) => {
        await wantInPlace(...everything)
        t.dataplane.complete()
        for (let i = 1; i <= 2; i++) {
          t.lab.overwrite(added, true)
          expect(isAdded(added)).toBe(true)
          await t.lab.until(() => !isAdded(added))
          expect(t.dataplane.drift.summary().count).toBe(i)
        }
        expect(holding(everything)()).toBe(true)
        expect(t.dataplane.statuses.counts()).toMatchObject({ pending: 0, failed: 0 })
      },
    )

    test('one that was added to a device that was created late', async () => {
      t.dataplane.complete()
      await wantInPlace(...everything)
      const added = e.remote(77, '192.0.2.99')
      t.lab.overwrite(added, true)
      await t.lab.until(() => !isAdded(added))
    })

    test('but none before the desired state is complete: its route may come', async () => {
      await wantInPlace(...everything)
      const added = e.remote(77, '192.0.2.99')
      t.lab.overwrite(added, true)
      await t.lab.calm()
      expect(isAdded(added)).toBe(true)
    })

    test('a neighbour whose ownership mark is gone', async () => {
      await wantInPlace(...everything)
      t.lab.overwrite(e.neighbour('10.0.0.2', 2))
      await t.lab.until(() =>
        observed('br0').some(({ entry, marked }) => marked && same(entry, e.neighbour('10.0.0.2', 2))),
      )
    })

    test('a MAC that was taken for remote for a moment', async () => {
      await wantInPlace(...everything)
      t.dataplane.want(e.remote(1))
      await t.lab.until(() => t.lab.holds(e.remote(1)))
      t.dataplane.unwant(e.remote(1))
      await t.lab.until(() => t.lab.holds(e.local(1)))
    })

    test('a MAC that the bridge moved to another port', async () => {
      await wantInPlace(...everything)
      t.lab.addInterface('tap2')
      t.lab.enslave('tap2', 'br0')
      t.lab.overwrite(e.local(2, 'tap2'))
      await t.lab.until(holding(everything))
    })

    test('a VXLAN device that another program deleted', async () => {
      await wantInPlace(...everything)
      t.lab.deleteLink('vx0')
      await t.lab.until(holding(everything))
    })

    test('a bridge that another program deleted', async () => {
      await wantInPlace(...everything)
      t.lab.deleteLink('br0')
      await t.lab.until(holding(everything))
    })

    test('a port that another program took out of the bridge', async () => {
      await wantInPlace(...everything)
      for (const port of ['tap1', 'vx0']) t.lab.enslave(port, null)
      await t.lab.until(holding(everything))
    })

    test('an owned device that another program set down', async () => {
      await wantInPlace(...everything)
      t.lab.setDown('vx0')
      await t.lab.until(holding(everything))
    })

    test('an external device that was deleted and created again', async () => {
      await wantInPlace(...everything)
      t.lab.deleteLink('tap1')
      await t.lab.until(() => t.dataplane.status(e.local(1)).state === 'failed')
      t.lab.addInterface('tap1')
      await t.lab.until(holding(everything))
      expect(t.dataplane.statuses.counts().failed).toBe(0)
    })
  })
}
