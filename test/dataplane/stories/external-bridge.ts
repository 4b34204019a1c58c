import { describe, expect, test } from 'vitest'
import * as e from '../entries.ts'
import type { Fixture } from '../fixture.ts'

/** The agent may name the bridge, and make it. */
export function externalBridge(t: Fixture): void {
  const { holding, want, wantInPlace } = t

  describe('a bridge that the agent named', () => {
    const bridge = { ...e.bridge, external: true }
    const port = { ...e.tapPort, external: true }
    const entries = [bridge, e.vxlan, e.vxlanPort, port, e.local(1), e.remote(2), e.neighbour('10.0.0.2', 2)]
    const unwantAll = () => {
      for (const entry of entries) t.dataplane.unwant(entry)
    }
    const isGone = (name: string) => () => t.lab.indexOf(name) === undefined

    test('is made where it is missing, and goes when it is not wanted', async () => {
      await wantInPlace(...entries)
      expect(t.lab.driver.link('br0')).toMatchObject({ alias: 'chanter:net1', up: true, tuned: true })
      unwantAll()
      await t.lab.until(isGone('br0'))
      expect(t.lab.driver.link('tap1')).toMatchObject({ master: null })
      expect(t.lab.indexOf('vx0')).toBeUndefined()
    })

    test('is used as it is, and keeps its ports', async () => {
      t.lab.addBridge('br0')
      t.lab.enslave('tap1', 'br0')
      const before = [t.lab.driver.link('br0'), t.lab.driver.link('tap1')]
      await wantInPlace(...entries)
      await t.lab.calm()
      expect([t.lab.driver.link('br0'), t.lab.driver.link('tap1')]).toMatchObject(
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
      await t.lab.until(isGone('vx0'))
      await t.lab.calm()
      expect(t.lab.driver.link('tap1')?.master).toBe('br0')
    })

    test('gets the local port put in, but not out of another bridge', async () => {
      t.lab.addBridge('br0')
      t.lab.addBridge('br9')
      t.lab.enslave('tap1', 'br9')
      expect(await want(...entries)).toMatchObject([
        { entry: port, reason: 'interface tap1 is in br9 already' },
        { entry: e.local(1) },
      ])
      t.lab.enslave('tap1', null)
      await t.lab.until(holding(entries))
    })

    test('gets the local port out of an owned bridge that is not wanted any more', async () => {
      const former = [
        { ...bridge, device: 'br9' },
        { ...port, bridge: 'br9' },
      ] as const
      await wantInPlace(...former)
      t.lab.addBridge('br0')
      for (const entry of former) t.dataplane.unwant(entry)
      await wantInPlace(...entries)
      await t.lab.until(isGone('br9'))
    })

    test('gets the local port out of an owned bridge of an earlier process', async () => {
      await wantInPlace({ ...bridge, device: 'br9' }, { ...port, bridge: 'br9' })
      t.lab.addBridge('br0')
      t.restart()
      await wantInPlace(...entries)
      expect(t.lab.driver.link('br9')).toMatchObject({ alias: 'chanter:net1' })
    })

    test('stays while another program has a port in it, and goes with that port', async () => {
      await wantInPlace(...entries)
      t.lab.addInterface('tap2')
      t.lab.enslave('tap2', 'br0')
      unwantAll()
      await t.lab.until(isGone('vx0'))
      await t.lab.until(() =>
        [...t.dataplane.statuses.failures()].some(({ entry }) => entry.kind === 'bridge'),
      )
      expect([...t.dataplane.statuses.failures()]).toMatchObject([
        { status: { reason: 'bridge br0 has other ports: tap2' } },
      ])
      expect(t.lab.driver.link('tap2')?.master).toBe('br0')
      t.lab.enslave('tap2', null)
      await t.lab.until(isGone('br0'))
    })

    test('comes back with all its ports when another program deletes it', async () => {
      t.lab.addBridge('br0')
      await wantInPlace(...entries)
      t.lab.deleteLink('br0')
      await t.lab.until(holding(entries))
    })

    test('may be replaced by an external one', async () => {
      await wantInPlace(...entries)
      t.lab.deleteLink('br0')
      t.lab.addBridge('br0')
      await t.lab.until(holding(entries))
      expect(t.lab.driver.link('br0')?.alias).toBeNull()
    })
  })
}
