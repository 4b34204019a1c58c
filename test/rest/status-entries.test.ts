import { describe, expect, test } from 'vitest'
import { refusal } from '../support/refusal.ts'
import { attachHere, attachThere, began, clock, get, one, settled, THEIRS, two } from './status-setup.ts'

describe('GET /status/entries', () => {
  test('lists every desired entry', async () => {
    await settled()
    const entries = await get('/status/entries')
    expect(entries).toHaveLength(7)
    expect(entries).toContainEqual({
      entry: 'remote-mac 02:00:00:00:01:02 on vxlan--net1',
      kind: 'remote-mac',
      device: 'vxlan--net1',
      mac: '02:00:00:00:01:02',
      dst: THEIRS,
      vni: 100,
      wanted: true,
      state: 'programmed',
      reason: null,
      code: null,
      errno: null,
      since: null,
      next_try: null,
      attempts: 0,
      instances: ['net1'],
    })
  })

  test('shows failures: since when, why, and the time of the next try', async () => {
    await attachHere()
    one.driver.fail(
      (op, entry) => op === 'set' && entry.kind === 'remote-mac',
      refusal('ENOMEM', 'no room'),
      100,
    )
    await attachThere()
    clock.advance(2000)
    const [failed, ...others] = await get('/status/entries?state=failed')
    expect(others).toEqual([])
    expect(failed).toMatchObject({
      entry: 'remote-mac 02:00:00:00:01:02 on vxlan--net1',
      state: 'failed',
      reason: 'ENOMEM: no room',
      code: 'KERNEL_REFUSED',
      errno: { name: 'ENOMEM', number: 12 },
    })
    expect(failed.since).toBeGreaterThan(began)
    expect(failed.since).toBeLessThanOrEqual(clock.epoch())
    expect(failed.next_try).toBeGreaterThan(clock.epoch())
    expect(failed.attempts).toBeGreaterThan(2)
  })

  test('lists entries that could not be removed', async () => {
    await settled()
    one.driver.fail((op, entry) => op === 'remove' && entry.kind === 'remote-mac', refusal('EBUSY'), 100)
    await two.detach({ mac: 0x02_00_00_00_01_02, ip: null })
    clock.advance(2000)
    expect(await get('/status/entries?state=failed')).toMatchObject([
      { wanted: false, errno: { name: 'EBUSY' } },
    ])
    expect(await get('/status')).toMatchObject({
      problems: ['kernel entries that cannot be removed: 1'],
      entries: { failed: 0, unremoved: 1 },
    })
  })

  test('can be asked for a kind, a state and an instance', async () => {
    await settled()
    await one.attach({ instanceId: 'net2', port: 'tap2', vni: 200, mac: 0x02_00_00_00_01_03 })
    expect((await get('/status/entries?kind=bridge')).length).toBe(2)
    expect(await get('/status/entries?instance=net2&kind=bridge')).toMatchObject([{ device: 'evpn---net2' }])
    expect(await get('/status/entries?state=pending')).toEqual([])
  })

  test.each([
    ['state=broken', 400, `'state' is "broken": expected one of programmed, pending, failed, unneeded`],
    ['kind=wormhole', 400, expect.stringMatching(/^'kind' is "wormhole": expected one of bridge, /)],
    ['colour=red', 400, "unknown parameter 'colour': expected state, instance, kind"],
    ['state=failed&state=programmed', 400, "'state' is given more than once"],
    ['instance=net9', 404, 'there is no VPN instance net9'],
  ])('%s is refused', async (query, code, description) => {
    expect(await get(`/status/entries?${query}`)).toMatchObject({ code, description })
  })
})

test('GET /status/settings: without IP VPNs no setting is held', async () => {
  await settled()
  expect(await get('/status/settings')).toEqual([])
  expect(await get('/status/settings', 'POST')).toMatchObject({ code: 405 })
})

describe('POST /status/verify', () => {
  test('proves that all is there', async () => {
    await settled()
    expect(await get('/status/verify', 'POST')).toEqual({
      devices: 3,
      entries: 7,
      missing: 0,
      different: 0,
      extra: 0,
      failed: 0,
      pending: 0,
      faults: [],
      stale: 0,
      outdated: [],
      unreadable: [],
    })
  })

  test('finds drift without a notification', async () => {
    await settled()
    one.driver.kernel.links.get('vxlan--net1')!.remote.clear()
    one.driver.kernel.addLink('evpn---old', { kind: 'bridge', alias: 'chanter:old' })
    expect(await get('/status/verify', 'POST')).toMatchObject({
      missing: 1,
      extra: 1,
      faults: [
        { fault: 'missing', entry: 'remote-mac 02:00:00:00:01:02 on vxlan--net1', found: null },
        { fault: 'extra', entry: 'link evpn---old', wanted: null, found: { alias: 'chanter:old' } },
      ],
    })
    clock.advance(100)
    expect(one.isInStep).toBe(true)
  })

  test('counts entries that are known to be missing, too', async () => {
    one.driver.fail((op, entry) => op === 'set' && entry.kind === 'remote-mac', refusal('ENOMEM'), 100)
    await settled()
    expect(await get('/status/verify', 'POST')).toMatchObject({ faults: [], failed: 1, pending: 0 })
    one.driver.fail((op, entry) => op === 'remove' && entry.kind === 'local-mac', refusal('EBUSY'), 100)
    await one.detach()
    expect(await get('/status/verify', 'POST')).toMatchObject({ faults: [], failed: 1 })
  })

  test('is an order, not a question', async () => {
    expect(await get('/status/verify')).toMatchObject({ code: 405 })
  })
})
