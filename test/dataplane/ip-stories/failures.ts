import { expect, test } from 'vitest'
import * as e from '../ip-entries.ts'
import { everything, type IpFixture } from '../ip-fixture.ts'

/** Refusals are reported, and end when their reason does. */
export function failures(t: IpFixture): void {
  const { want, wantInPlace, lacking, untilAllHold } = t

  test('a missing interface is reported for each route that needs it, and used as soon as it appears', async () => {
    const route = e.route('10.5.0.0/16', ['core9 via 192.0.2.2 push 100'])
    const label = e.label(109, 'core9 via 192.0.2.2')
    const reason = 'interface core9 does not exist'
    expect(await want(...everything, route, label)).toEqual([
      { entry: route, state: 'failed', reason },
      { entry: label, state: 'failed', reason },
    ])
    expect(lacking(everything)).toEqual([])
    t.lab.addUp('core9')
    await untilAllHold([route, label])
    await t.lab.until(() => t.dataplane.statuses.counts().failed === 0)
  })

  test('a route by an interface that is down is reported, and programmed as soon as it is up', async () => {
    t.lab.addInterface('core9')
    const route = e.route('10.5.0.0/16', ['core9 via 192.0.2.2 push 100'])
    expect(await want(e.red, route)).toMatchObject([{ reason: expect.stringContaining('ENETDOWN') }])
    t.lab.setUp('core9')
    await untilAllHold([route])
  })

  test('a route uses its reachable hops, reports the others, and uses them as soon as it can', async () => {
    t.lab.addUp('core9')
    t.lab.setDown('core9')
    const hops = ['core0 via 192.0.2.2 push 100', 'core9 via 192.0.2.3 push 101', 'core8 via 192.0.2.4']
    const routes = ['10.5.0.0/16', '10.6.0.0/16'].map((prefix) => e.route(prefix, hops))
    const [first] = hops as [string]
    const carried = ['10.5.0.0/16', '10.6.0.0/16'].map((prefix) => e.route(prefix, [first]))
    const reason = expect.stringMatching(/^ENETDOWN: .*; the other hops carry its flows$/)
    expect(await want(e.red, ...routes)).toMatchObject(routes.map(() => ({ state: 'failed', reason })))
    expect(lacking(carried)).toEqual([])
    t.lab.setUp('core9')
    await t.lab.until(() =>
      routes.every((route) => t.dataplane.status(route).reason?.includes('core8') ?? false),
    )
    t.lab.addUp('core8')
    await untilAllHold(routes)
    await t.lab.until(() => t.dataplane.statuses.counts().failed === 0)
    t.lab.setDown('core0')
    await t.lab.until(() => t.dataplane.statuses.counts().failed === routes.length)
    t.lab.setUp('core0')
    await untilAllHold(routes)
    await t.lab.until(() => t.dataplane.statuses.counts().failed === 0)
  })

  test('a port waits for its VRF', async () => {
    const reason = 'interface bvrf-1 does not exist'
    expect(await want(e.port(), e.address('10.0.0.1/24'))).toMatchObject([{ reason }, { reason }])
    await wantInPlace(e.red)
    await untilAllHold([e.port(), e.address('10.0.0.1/24')])
  })

  test('what waits for a port that fails is programmed once that is released', async () => {
    expect((await want(e.port(), e.address('10.0.0.1/24'))).length).toBe(2)
    t.dataplane.release(e.port())
    await untilAllHold([e.address('10.0.0.1/24')])
    await t.lab.until(() => t.dataplane.statuses.counts().programmed === 1)
  })

  test('a bridge is no VRF', async () => {
    t.lab.addBridge('br9')
    const port = { ...e.port(), vrf: 'br9' }
    expect(await want(port)).toMatchObject([{ reason: 'interface br9 is no VRF' }])
    expect(t.lab.driver.link('tap1')?.master).toBeNull()
  })

  test('an external device is refused and not touched', async () => {
    t.lab.addBridge('bvrf-1')
    const before = t.lab.driver.link('bvrf-1')
    const open = await want(e.red, e.unreachable('0.0.0.0/0'))
    expect(open).toHaveLength(2)
    expect(t.lab.driver.link('bvrf-1')).toEqual(before)
  })
}
