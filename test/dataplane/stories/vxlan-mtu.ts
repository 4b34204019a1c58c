import { describe, expect, test } from 'vitest'
import * as e from '../entries.ts'
import type { Fixture } from '../fixture.ts'

/** A VXLAN device has the MTU that it should have. */
export function vxlanMtu(t: Fixture): void {
  const { wantInPlace } = t

  describe('the MTU of a VXLAN device', () => {
    test('is the one asked for, whatever program changes it', async () => {
      const vxlan = { ...e.vxlan, mtu: 8000 }
      await wantInPlace(e.bridge, vxlan)
      const index = t.lab.indexOf('vx0')
      t.lab.setMtu('vx0', 1400)
      await t.lab.until(() => t.lab.holds(vxlan))
      await wantInPlace({ ...e.vxlan, mtu: 1400 })
      expect(t.lab.indexOf('vx0')).toBe(index)
    })

    test('follows its underlay', async () => {
      t.lab.setMtu('tap1', 9000)
      await wantInPlace(e.bridge, { ...e.vxlan, underlay: 'tap1' })
      expect(t.lab.driver.link('vx0')?.mtu).toBe(8950)
      t.lab.setMtu('tap1', 4000)
      await t.lab.until(() => t.lab.driver.link('vx0')?.mtu === 3950)
      t.lab.setMtu('tap1', 1500)
      await t.lab.until(() => t.lab.driver.link('vx0')?.mtu === 1500)
    })
  })
}
