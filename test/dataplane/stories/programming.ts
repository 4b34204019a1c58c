import { expect, test } from 'vitest'
import type { Entry } from '../../../src/dataplane/model.ts'
import * as e from '../entries.ts'
import { everything, type Fixture } from '../fixture.ts'

/** Wanted entries are programmed, and changed as they are wanted otherwise. */
export function programming(t: Fixture): void {
  const { observed, want, wantInPlace } = t

  test('entries of every kind are put in place', async () => {
    await wantInPlace(...everything)
    expect(t.dataplane.statuses.counts()).toEqual({ wanted: 12, programmed: 12, pending: 0, failed: 0 })
    expect([...t.dataplane.statuses.failures()]).toEqual([])
    expect([...t.dataplane.statuses.entries()].map(({ status }) => status.state)).toEqual(
      Array(12).fill('programmed'),
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
    expect(t.dataplane.statuses.counts().wanted).toBe(12)
    expect(t.lab.holds(e.remote(2))).toBe(false)
  })

  test.each([
    ['deleted', () => t.lab.deleteLink('br0')],
    ['renamed', () => t.lab.rename('br0', 'stray')],
  ])(
    'a port enters an owned bridge that another program has %s without a notification',
    async (_what, mischief) => {
      t.restart({ deaf: true })
      await wantInPlace(...e.network)
      t.lab.addInterface('tap2')
      mischief()
      const entries: Entry[] = [e.bridge, { ...e.tapPort, device: 'tap2' }, e.local(2, 'tap2')]
      for (const entry of entries) t.dataplane.want(entry)
      expect(await t.lab.wait(t.dataplane.settled(entries))).toEqual([])
      expect(entries.filter((entry) => !t.lab.holds(entry))).toEqual([])
    },
  )

  test('a MAC moves from remote to local and back', async () => {
    await wantInPlace(...e.network, e.remote(7))
    t.dataplane.unwant(e.remote(7))
    await wantInPlace(e.local(7))
    await t.lab.until(() => !t.lab.holds(e.remote(7)))
    await t.lab.calm()
    expect(t.lab.holds(e.local(7))).toBe(true)
    expect(observed('vx0').filter(({ marked }) => marked)).toEqual([])

    t.dataplane.unwant(e.local(7))
    await wantInPlace(e.remote(7, '192.0.2.3'))
    await t.lab.calm()
    expect(t.lab.holds(e.remote(7, '192.0.2.3'))).toBe(true)
    expect(t.lab.holds(e.local(7))).toBe(false)
  })

  test('a neighbour may be a router, and cease to be one', async () => {
    await wantInPlace(...e.network, e.remote(2), e.neighbour('2001:db8::2', 2, true))
    await wantInPlace(e.neighbour('2001:db8::2', 2))
    await wantInPlace(e.neighbour('2001:db8::2', 2, true))
  })

  test('a remote MAC gets its place in the bridge when the VXLAN device does', async () => {
    await wantInPlace(e.bridge, e.vxlan, e.remote(2))
    await wantInPlace(e.vxlanPort)
    await t.lab.until(() => t.lab.holds(e.remote(2)))
  })

  test('the interface and the VXLAN device of a bridge can be asked for', async () => {
    await wantInPlace(...e.network)
    const { lab, dataplane } = t
    expect(await lab.wait(dataplane.interfaceNamed('vx0'))).toMatchObject({
      name: 'vx0',
      index: t.lab.indexOf('vx0'),
      kind: 'vxlan',
      alias: 'chanter:net1',
      master: 'br0',
      up: true,
      vni: e.VNI,
    })
    expect(await lab.wait(dataplane.interfaceNamed('none'))).toBeUndefined()
    expect(await lab.wait(dataplane.vxlanIn('br0', e.VNI))).toMatchObject({ name: 'vx0' })
    expect(await lab.wait(dataplane.vxlanIn('br0', 1))).toBeUndefined()
    expect(await lab.wait(dataplane.vxlanIn('none', 1))).toBeUndefined()
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
    t.lab.forget(e.remote(3, '2001:db8::3', 300))
    await t.lab.until(() => t.lab.holds(e.remote(3, '2001:db8::3', 300)))
  })

  test('10,000 remote MACs with their neighbours', async () => {
    const many: Entry[] = []
    for (let i = 0; i < 10_000; i++) {
      many.push(e.remote(1000 + i, `192.0.2.${2 + (i % 64)}`))
      many.push(e.neighbour(`10.1.${i >> 8}.${i & 255}`, 1000 + i))
    }
    expect(await want(...e.network, ...many)).toEqual([])
    expect(t.dataplane.statuses.counts()).toEqual({
      wanted: 20_004,
      programmed: 20_004,
      pending: 0,
      failed: 0,
    })
    expect(countOf('vx0', 'remote-mac')).toBe(10_000)
    expect(countOf('br0', 'neighbour')).toBe(10_000)
    for (const entry of many) t.dataplane.unwant(entry)
    await t.lab.until(() =>
      observed('vx0').every(({ entry, marked }) => !marked || entry.kind !== 'remote-mac'),
    )
    await t.lab.until(() => !t.lab.holds(e.neighbour('10.1.0.0', 1000)))
    await t.lab.calm()
    expect(countOf('br0', 'neighbour')).toBe(0)
  })

  function countOf(device: string, kind: Entry['kind']): number {
    return observed(device).filter(({ entry, marked }) => marked && entry.kind === kind).length
  }
}
