import { describe, expect, test } from 'vitest'
import * as e from '../entries.ts'
import { everything, type Fixture } from '../fixture.ts'

/** Drift is counted, and nothing else is. */
export function drift(t: Fixture): void {
  const { holding, want, wantInPlace } = t

  describe('drift', () => {
    test('is what others change, and not what we change, however often', async () => {
      await wantInPlace(...everything)
      t.dataplane.complete()
      for (let i = 0; i < 20; i++) {
        await want(e.remote(2, `192.0.2.${10 + (i % 2)}`), e.neighbour('10.0.0.2', 20 + i))
        t.dataplane.unwant(e.remote(3))
        await want(e.local(3))
        t.dataplane.unwant(e.local(3))
        await want(e.remote(3, '192.0.2.3', 300))
      }
      await t.lab.calm()
      expect(t.dataplane.drift.summary()).toEqual({ count: 0, last: null, recurring: 0, worst: null })
    })

    test('is repaired and counted, and an entry that another program changes again and again is reported', async () => {
      await wantInPlace(...everything)
      t.lab.forget(e.remote(3, '192.0.2.3', 300))
      for (let i = 0; i < 5; i++) {
        t.lab.forget(e.remote(2))
        await t.lab.until(() => t.dataplane.drift.summary().count === i + 2)
        await t.lab.until(holding(everything))
        expect(t.dataplane.drift.summary().recurring).toBe(i < 4 ? 0 : 1)
      }
      expect(t.dataplane.drift.summary().worst).toMatchObject({ entry: e.remote(2), changes: 5 })
      t.dataplane.unwant(e.remote(2))
      expect(t.dataplane.drift.summary()).toMatchObject({ count: 6, recurring: 0, worst: null })
    })
  })
}
