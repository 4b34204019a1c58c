import { expect, test } from 'vitest'
import * as e from '../ip-entries.ts'
import { devices, everything, type IpFixture, silent, tables } from '../ip-fixture.ts'

/** Drift is repaired. */
export function repair(t: IpFixture): void {
  const { wantInPlace, lacking, untilAllHold } = t

  test('each deleted entry', async () => {
    await wantInPlace(...everything)
    for (const entry of tables) {
      if (silent.has(entry.kind)) continue // Linux does not notify
      t.lab.forget(entry)
      await untilAllHold([entry])
    }
    await untilAllHold()
  })

  test.each([
    ['route', e.route('10.1.0.0/16', ['core0 via 192.0.2.99'])],
    ['IPv6 route', e.route('2001:db8:2::/48', ['core0 via 2001:db8:c::9'])],
    ['ECMP route', e.route('10.3.0.0/16', ['core0 via 192.0.2.99'])],
    ['label', e.label(100, 'core0 via 192.0.2.99')],
    ['fixed neighbour', e.fixed('10.0.0.5', 99)],
  ])('an entry that another program changed: %s', async (_kind, other) => {
    await wantInPlace(...everything)
    for (const marked of [false, true]) {
      t.lab.overwrite(other, marked)
      expect(t.lab.holds(other) && lacking(everything).length === 0).toBe(false)
      await untilAllHold()
    }
  })

  test.each([
    ['a VRF that another program deleted', 'bvrf-1'],
    ['a tunnel that another program deleted', 'gre-2'],
    ['a veth pair that another program deleted at the end in the VRF', 'end-v'],
    ['a veth pair that another program deleted at the end in the bridge', 'end-e'],
  ])('%s', async (_what, device) => {
    await wantInPlace(...everything)
    t.lab.deleteLink(device)
    await untilAllHold()
  })

  test('a port that another program took out of its VRF', async () => {
    await wantInPlace(...everything)
    t.lab.enslave('tap1', null)
    await untilAllHold()
  })

  test.each([
    ['taken out of the VRF', () => t.lab.enslave('end-v', null)],
    ['taken out of the bridge', () => t.lab.enslave('end-e', null)],
  ])('a veth pair %s', async (_what, change) => {
    await wantInPlace(...everything)
    change()
    await untilAllHold()
  })

  test.each(['tap1', 'end-v', 'bvrf-1'])('settings of %s', async (device) => {
    await wantInPlace(...everything)
    t.lab.spoil(device)
    expect(lacking(devices)).toHaveLength(1)
    await untilAllHold()
  })

  test.each(['tap1', 'core0', 'gre-2', 'bvrf-1', 'end-v', 'end-e'])(
    'what went with %s while it was down',
    async (device) => {
      await wantInPlace(...everything)
      t.lab.setDown(device)
      t.lab.setUp(device)
      await untilAllHold()
      t.lab.setDown(device)
      await t.lab.calm()
      t.lab.setUp(device)
      await untilAllHold()
      await t.lab.until(() => t.dataplane.statuses.counts().programmed === everything.length)
    },
  )

  test.each(['tap1', 'core0'])('what needs %s when it went and came back', async (device) => {
    await wantInPlace(...everything)
    t.lab.deleteLink(device)
    await t.lab.until(() => t.dataplane.statuses.counts().failed > 0)
    t.lab.addUp(device)
    await untilAllHold()
    await t.lab.until(() => t.dataplane.statuses.counts().programmed === everything.length)
  })

  test('drift without a notification is found by a comparison', async () => {
    await wantInPlace(...everything)
    const nothing = { missing: 0, different: 0, extra: 0 }
    expect(await t.lab.wait(t.dataplane.verifier.verify())).toMatchObject(nothing)
    t.lab.forget(e.proxy('2001:db8::9'))
    await t.lab.calm()
    expect(await t.lab.wait(t.dataplane.verifier.verify())).toMatchObject({ ...nothing, missing: 1 })
    await untilAllHold()
  })
}
