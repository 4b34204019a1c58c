import { expect, test } from 'vitest'
import * as e from '../ip-entries.ts'
import { devices, everything, type IpFixture, OURS, tables, unmarked } from '../ip-fixture.ts'
import { unchanged } from '../stories/unchanged.ts'

/** A new daemon adopts the entries of an earlier one. */
export function adoption(t: IpFixture): void {
  const { wantInPlace, lacking } = t

  unchanged(t, everything, OURS)

  test('stale entries stay until the desired state is complete', async () => {
    await wantInPlace(...everything)
    t.restart()
    // another program may have turned it on
    const stale = tables.filter((entry, i) => i % 2 === 0 && !unmarked.has(entry.kind))
    const wanted = everything.filter((entry) => !stale.includes(entry))
    await wantInPlace(...wanted)
    await t.lab.calm()
    expect(lacking(stale)).toEqual([])
    expect([...t.dataplane.statuses.stale()]).toHaveLength(stale.length)
    t.dataplane.complete()
    await t.lab.until(() => lacking(stale).length === stale.length)
    await t.lab.calm()
    expect(lacking(wanted)).toEqual([])
    expect([...t.dataplane.statuses.stale()]).toEqual([])
  })

  test('an entry that is wanted later, or changed, is programmed', async () => {
    await wantInPlace(...everything)
    t.restart()
    await wantInPlace(...devices)
    await wantInPlace(
      e.route('10.1.0.0/16', ['gre-2 push 5']),
      e.label(100, 'bvrf-2'),
      e.fixed('10.0.0.5', 7),
    )
    await wantInPlace(...everything)
  })

  test('an entry that went with its interface is programmed when it is wanted again', async () => {
    await wantInPlace(...everything)
    t.restart()
    await wantInPlace(...devices)
    await t.lab.calm()
    t.lab.setDown('tap1')
    await t.lab.calm()
    t.lab.setUp('tap1')
    await t.lab.calm()
    await wantInPlace(...everything)
  })

  const left = [
    e.blue,
    e.port('tap2', e.blue),
    e.unreachable('0.0.0.0/0', e.blue),
    e.address('10.0.0.1/24', 'tap2'),
    e.fixed('10.0.0.6', 6, 'tap2'),
    e.label(101, 'tap2 via 10.0.0.6'),
  ]
  const stays = [e.red, e.port(), e.label(100, 'tap1')]
  test.each([
    ['all of it', []],
    ['beside what stays', stays],
  ])('pending removals of an earlier daemon are done at once: %s', async (_what, staying) => {
    await wantInPlace(...staying, ...left)
    t.restart()
    for (const entry of staying) t.dataplane.want(entry)
    for (const entry of left) t.dataplane.want(entry)
    for (const entry of left) t.dataplane.unwant(entry)
    await t.lab.wait(t.dataplane.gone(left))
    expect(left.filter((entry) => t.lab.holds(entry))).toEqual([])
    expect(lacking(staying)).toEqual([])
  })

  test('an external entry in the place of a pending one stays', async () => {
    const label = e.label(101, 'tap2')
    await wantInPlace(label)
    t.restart()
    t.lab.overwrite(label)
    t.dataplane.want(label)
    t.dataplane.unwant(label)
    await t.lab.wait(t.dataplane.gone([label]))
    expect(t.lab.driver.isLabelTaken(101)).toBe(true)
  })

  test('a VRF with another table, a tunnel with another end are made anew', async () => {
    await wantInPlace(...devices)
    const index = t.lab.indexOf('gre-2')
    t.restart()
    const { red, gre } = { red: { ...e.red, table: 1003 }, gre: { ...e.gre, remote: e.gre.local } }
    await wantInPlace(red, gre, e.port(), e.unreachable('0.0.0.0/0', red))
    expect(t.lab.indexOf('gre-2')).not.toBe(index)
  })
}
