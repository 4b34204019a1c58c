import { describe, expect, test } from 'vitest'
import * as e from '../entries.ts'
import { everything, type Fixture } from '../fixture.ts'

/** What cannot be programmed is reported, and tried again when it can be. */
export function failures(t: Fixture): void {
  const { holding, want, wantInPlace } = t

  describe('failures', () => {
    test('a missing interface is reported, delays no other entry, and is used as soon as it appears', async () => {
      const port = { ...e.tapPort, device: 'tap2' }
      const address = e.local(9, 'tap2')
      const open = await want(...everything, port, address)
      expect(open).toEqual([
        { entry: port, state: 'failed', reason: 'interface tap2 does not exist' },
        { entry: address, state: 'failed', reason: 'interface tap2 does not exist' },
      ])
      expect(holding(everything)()).toBe(true)
      expect(t.dataplane.statuses.counts()).toEqual({ wanted: 14, programmed: 12, pending: 0, failed: 2 })
      expect([...t.dataplane.statuses.failures()].map(({ entry }) => entry)).toEqual([port, address])
      t.lab.addInterface('tap2')
      await t.lab.until(holding([port, address]))
      await t.lab.until(() => t.dataplane.statuses.counts().failed === 0)
    })

    test('a device that is not ours is refused and not touched', async () => {
      t.lab.addBridge('br0')
      const before = t.lab.driver.link('br0')
      const reason = 'interface br0 exists and is not owned by chanter: it has no alias, not "chanter:..."'
      const open = await want(e.bridge, e.neighbour('10.0.0.2', 2))
      expect(open.map((item) => item.reason)).toEqual([reason, reason])
      t.dataplane.unwant(e.neighbour('10.0.0.2', 2))
      t.dataplane.unwant(e.bridge)
      await t.lab.calm()
      expect(t.lab.driver.link('br0')).toEqual(before)
      expect([...t.dataplane.statuses.failures()]).toEqual([])
    })

    test('an owned device whose alias another program changed gets it back, and delays nothing', async () => {
      await wantInPlace(...everything)
      const index = t.lab.indexOf('vx0')
      t.lab.setAlias('vx0', 'customer-4711')
      await wantInPlace(e.remote(9))
      await t.lab.until(holding([...everything, e.remote(9)]))
      expect(t.lab.indexOf('vx0')).toBe(index)
    })

    test('a VXLAN device is given another VTEP address as it is', async () => {
      await wantInPlace(...everything)
      const index = t.lab.indexOf('vx0')
      await wantInPlace({ ...e.vxlan, local: e.ip('192.0.2.7') })
      await t.lab.calm()
      expect(t.lab.driver.link('vx0')).toMatchObject({ index, local: e.ip('192.0.2.7') })
      expect([...t.dataplane.statuses.failures()]).toEqual([])
    })

    test('an owned device whose alias another program changed goes when it is unwanted', async () => {
      await wantInPlace(...everything)
      t.lab.setAlias('vx0', 'customer-4711')
      for (const entry of everything) t.dataplane.unwant(entry)
      await t.lab.wait(t.dataplane.gone(everything))
      expect(t.lab.indexOf('vx0')).toBeUndefined()
    })

    test('a refused device is taken once the other one is gone', async () => {
      t.lab.addBridge('br0')
      expect(await want(e.bridge)).toHaveLength(1)
      t.lab.deleteLink('br0')
      await t.lab.until(() => t.lab.holds(e.bridge))
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
      expect(t.lab.indexOf('vx1')).toBeUndefined()
    })

    test('a port waits for its bridge', async () => {
      const reason = 'interface br0 does not exist'
      expect(await want(e.tapPort, e.local(1))).toEqual([
        { entry: e.tapPort, state: 'failed', reason },
        { entry: e.local(1), state: 'failed', reason },
      ])
      await wantInPlace(e.bridge)
      await t.lab.until(holding([e.tapPort, e.local(1)]))
    })

    test('in an external bridge, a MAC waits until its port is put in', async () => {
      t.lab.addBridge('br9')
      expect(await want(e.local(1))).toMatchObject([{ reason: 'interface tap1 is in no bridge' }])
      t.lab.enslave('tap1', 'br9')
      await t.lab.until(() => t.lab.holds(e.local(1)))
    })

    test('what is wanted while its port fails is put in place with it', async () => {
      await wantInPlace(e.bridge, e.vxlan)
      await want({ ...e.vxlanPort, bridge: 'br9' }, e.remote(2))
      expect((await want(e.remote(3, '192.0.2.3', 300))).map(({ reason }) => reason)).toEqual([
        'interface br9 does not exist',
      ])
      await wantInPlace(e.vxlanPort)
      await t.lab.until(holding([e.remote(2), e.remote(3, '192.0.2.3', 300)]))
    })

    test('a port that another program moved to another bridge is left there when it is unwanted', async () => {
      await wantInPlace(...e.network)
      t.lab.addBridge('br9')
      t.lab.enslave('tap1', 'br9')
      t.dataplane.unwant(e.tapPort)
      await t.lab.calm()
      expect(t.lab.driver.link('tap1')?.master).toBe('br9')
    })
  })
}
