import { expect, test } from 'vitest'
import { isLinkEntry, isPortEntry, isTableEntry } from '../../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../../src/dataplane/model.ts'
import * as e from '../ip-entries.ts'
import { devices, everything, type IpFixture, vethPair } from '../ip-fixture.ts'

/** Wanted entries of every kind reach the kernel. */
export function programming(t: IpFixture): void {
  const { want, wantInPlace, untilAllHold } = t

  test('entries of every kind are programmed', async () => {
    await wantInPlace(...everything)
    const all = everything.length
    expect(t.dataplane.statuses.counts()).toEqual({ wanted: all, programmed: all, pending: 0, failed: 0 })
    expect([...t.dataplane.statuses.failures()]).toEqual([])
  })

  test('either end of a veth pair brings the other', async () => {
    const [vrfEnd, bridgeEnd] = vethPair as [Entry, Entry]
    await wantInPlace(bridgeEnd)
    expect(t.lab.driver.link('end-v')).toMatchObject({ alias: 'chanter:red', up: false })
    const index = t.lab.indexOf('end-e')
    await wantInPlace(vrfEnd)
    expect(t.lab.driver.link('end-v')?.up).toBe(true)
    expect(t.lab.indexOf('end-e')).toBe(index)
  })

  test('a veth pair whose other end has the name of an external device is refused', async () => {
    t.lab.addUp('end-e')
    const before = t.lab.driver.link('end-e')
    expect(await want(...vethPair)).toMatchObject([
      { reason: 'interface end-e exists already' },
      { reason: expect.stringContaining('is not owned by chanter') },
    ])
    expect(t.lab.driver.link('end-e')).toEqual(before)
    expect(t.lab.indexOf('end-v')).toBeUndefined()
    t.lab.deleteLink('end-e')
    await untilAllHold(vethPair)
  })

  test('entries may be wanted in any order', async () => {
    await wantInPlace(...everything.toReversed())
  })

  test('an entry replaces the one of its identity', async () => {
    await wantInPlace(...everything)
    await wantInPlace(
      { ...e.red, alias: 'chanter:renamed' },
      e.address('2001:db8::1/48'),
      e.fixed('10.0.0.5', 6),
      e.route('10.0.0.5/32', ['core0 via 192.0.2.2 push 77']),
      e.route('10.1.0.0/16', ['core0 via 192.0.2.2 push 100/201']),
      e.route('10.3.0.0/16', ['gre-2 push 101', 'core0 via 192.0.2.2 push 100']),
      e.route('10.4.0.0/16', ['gre-2 push 9', 'core0 via 192.0.2.2 push 9']),
      e.route('2001:db8::5/128', ['gre-2 push 1', 'core0 via 2001:db8:c::2 push 2']),
      e.route('2001:db8:2::/48', ['core0 via 2001:db8:c::2 push 33']),
      e.route('2001:db8:3::/48', ['gre-2 push 4']),
      e.label(100, 'bvrf-1'),
      e.label(102, 'tap2 via 10.0.0.5'),
    )
    expect(t.dataplane.statuses.counts().wanted).toBe(everything.length)
  })

  test('a tunnel from all is adopted, and recreated after a deletion', async () => {
    await wantInPlace(e.gre, e.greFromAll)
    const index = t.lab.indexOf('gre-any')
    t.restart()
    await wantInPlace(e.gre, e.greFromAll)
    expect(t.lab.indexOf('gre-any')).toBe(index)
    t.lab.deleteLink('gre-any')
    await untilAllHold([e.gre, e.greFromAll])
  })

  test('the MTU of a tunnel follows its underlay', async () => {
    const tunnel = { ...e.gre, underlay: 'core0' }
    await wantInPlace(tunnel)
    expect(t.lab.driver.link('gre-2')?.mtu).toBe(1476)
    const index = t.lab.indexOf('gre-2')
    t.lab.setMtu('core0', 4000)
    await t.lab.until(() => t.lab.driver.link('gre-2')?.mtu === 3976)
    t.lab.setMtu('gre-2', 1400)
    await t.lab.until(() => t.lab.driver.link('gre-2')?.mtu === 3976)
    expect(t.lab.indexOf('gre-2')).toBe(index)
  })

  test('a label that goes to another port is never without a route', async () => {
    await wantInPlace(...devices, e.label(100, 'tap1 via 10.0.0.5'))
    const deletions = await t.lab.deletions()
    await wantInPlace(e.label(100, 'tap2 via 10.0.0.5'))
    expect(await deletions()).toEqual([])
  })

  test('each entry is of one of three sorts', () => {
    for (const entry of everything) {
      expect([isLinkEntry, isPortEntry, isTableEntry].filter((is) => is(entry))).toHaveLength(1)
    }
  })
}
