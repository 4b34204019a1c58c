import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { ipv6Disabled } from '../../src/dataplane/refusal.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { dummyDrivers, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, macRoute, peerConfig, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const OURS = '10.77.0.11'
const THEIRS = '10.77.0.12'

let clock: VirtualClock
let one: TestNode
let two: TestNode
let app: FastifyInstance
let began: number

beforeEach(async () => {
  clock = new VirtualClock()
  began = clock.epoch()
  const network = new VirtualNetwork(clock)
  one = new TestNode(OURS, [peerConfig(THEIRS)], clock, network, { headlessSeconds: 600 }).plug(
    'tap1',
    'tap2',
  )
  two = new TestNode(THEIRS, [peerConfig(OURS)], clock, network).plug('tap1', 'tap2')
  app = one.api()
})

const attachHere = () => one.attach()
const attachThere = () => two.attach({ mac: 0x02_00_00_00_01_02, ip: null })

async function get(url: string, method: 'GET' | 'POST' = 'GET') {
  return (await clock.while(app.inject({ method, url }))).json()
}

async function settled() {
  await attachHere()
  await attachThere()
  clock.advance(20_000)
}

describe('GET /status', () => {
  test('lists restored attachments until an agent attaches them again, or they are detached', async () => {
    await one.attach()
    await one.attach({ mac: 0x02_00_00_00_01_09, ip: null, port: 'tap2' })
    expect(await get('/status')).toMatchObject({ unconfirmed: { count: 0 } })
    const later = new TestNode('10.77.0.13', [], clock, new VirtualNetwork(clock)).plug('tap1', 'tap2')
    await later.vpns.restore(one.vpns.snapshot())
    const status = async () => (await clock.while(later.api().inject('/status'))).json().unconfirmed
    const deleted = {
      vpn_instance_id: 'net1',
      vpn_type: 'evpn',
      mac_address: '02:00:00:00:01:09',
      ip_address: null,
      local_port: 'tap2',
    }
    const first = await status()
    expect(first.count).toBe(2)
    expect(first.attachments).toContainEqual(deleted)
    await later.attach()
    expect(await status()).toEqual({ count: 1, attachments: [deleted] })
    clock.advance(86_400_000)
    expect(later.vpns.instances.get('net1')?.attachments.has(0x02_00_00_00_01_09)).toBe(true)
    await later.detach({ mac: 0x02_00_00_00_01_09, ip: null })
    expect(await status()).toEqual({ count: 0, attachments: [] })
  })

  test('of a node whose routes are all here and all in the kernel', async () => {
    await settled()
    expect(await get('/status')).toMatchObject({
      ok: true,
      problems: [],
      version: '0.1.0',
      started: began,
      sessions: { established: 1, disabled: 0, peers: [{ id: THEIRS, state: 'Established' }] },
      routes: { state: 'complete', since: expect.any(Number), received: expect.any(Number), own: 2 },
      instances: { count: 1, endpoints: 1 },
      entries: { wanted: 7, programmed: 7, pending: 0, failed: 0, pending_since: null, unremoved: 0 },
      compared: null,
      stale: { entries: 0, links: [] },
      state_file: null,
    })
  })

  test('names the routes that cannot be advertised to a peer, until they are gone', async () => {
    await settled()
    const source = localSource('EVI-1')
    const nlri = macRoute(OURS, '02:00:00:00:00:01', null)
    const unknown = [{ code: 200, flags: 0xc0, value: '\0'.repeat(65_500) }]
    one.speaker.originate(source, EVPN, nlri, { unknown, extendedCommunities: [rt('64512:10')] })
    clock.advance(1000)
    const [problem, ...others] = (await get('/status')).problems
    expect(problem).toMatch(`peer ${THEIRS}: 1 routes cannot be advertised to it, such as evpn:macadv:`)
    expect(problem).toMatch('it fits no message of 65535 octets')
    expect(others).toEqual([])
    one.speaker.withdraw(source, EVPN, nlri)
    clock.advance(1000)
    expect((await get('/status')).problems).toEqual([])
  })

  test('shows refusals of the kernel', async () => {
    one.driver.fail(
      (op, entry) => op === 'set' && entry.kind === 'remote-mac',
      refusal('ENOMEM', 'no room'),
      100,
    )
    await settled()
    expect(await get('/status')).toMatchObject({
      ok: false,
      problems: [
        '1 of 7 kernel entries failed, such as remote-mac 02:00:00:00:01:02 on vxlan--net1: ENOMEM: no room',
      ],
      entries: { programmed: 6, failed: 1 },
    })
  })

  test('counts drift, and names an entry that is changed again and again', async () => {
    await settled()
    expect(await get('/status')).toMatchObject({ drift: { count: 0, last: null, recurring: 0 } })
    const since = clock.epoch()
    const remote = one.wanted().find((entry) => entry.kind === 'remote-mac')!
    for (let i = 0; i < 8; i++) {
      one.driver.kernel.removeEntry(remote)
      clock.advance(20_000)
      expect(one.isInStep).toBe(true)
    }
    const { problems, drift } = await get('/status')
    expect(problems).toEqual([
      expect.stringMatching(
        /^1 kernel entry is changed by other programs again and again, such as remote-mac 02:00:00:00:01:02 on vxlan--net1: 8 times since .*; ip monitor shows/,
      ),
    ])
    expect(drift).toMatchObject({ count: 8, recurring: 1 })
    expect(drift.last - since).toBeGreaterThan(100_000)
    clock.advance(300_000)
    expect(await get('/status')).toMatchObject({ ok: true, drift: { count: 8, recurring: 0 } })
  })

  test('names ports that pass no traffic, when that lasts', async () => {
    await settled()
    one.driver.kernel.changeLink('tap1', { carrier: false })
    clock.advance(30_000)
    expect(await get('/status')).toMatchObject({ ok: true })
    clock.advance(40_000)
    const problem = /^attached ports that pass no traffic: tap1 \(no carrier since 2\S+ \S+\): set them up/
    expect((await get('/status')).problems).toEqual([expect.stringMatching(problem)])
    one.driver.kernel.changeLink('tap1', { up: false })
    clock.advance(1000)
    expect((await get('/status')).problems).toEqual([expect.stringMatching(/tap1 \(down since/)])
    one.driver.kernel.changeLink('tap1', { up: true, carrier: true })
    clock.advance(1000)
    expect(await get('/status')).toMatchObject({ ok: true })
  })

  test('counts entries still to be removed, and reports it when that lasts', async () => {
    await settled()
    one.reconciler.stop() // as if it were busy
    await two.detach({ mac: 0x02_00_00_00_01_02, ip: null })
    clock.advance(30_000)
    expect(await get('/status')).toMatchObject({ ok: true, entries: { wanted: 5, pending: 0, removing: 2 } })
    clock.advance(40_000)
    expect((await get('/status')).problems).toEqual([
      expect.stringMatching(/^2 kernel entries and links are still to be removed, since /),
    ])
    one.reconciler.start()
    clock.advance(1000)
    expect(await get('/status')).toMatchObject({ ok: true, entries: { removing: 0 } })
  })

  test.each([
    [null, 1500, true, 1450],
    [null, 1550, true, null],
    [1500, 1550, true, null],
    [9000, 1550, false, 1500],
  ])('says where VXLAN packets do not fit: vxlan_mtu %s over %i', async (vxlanMtu, underlayMtu, ok, room) => {
    const node = new TestNode(
      '10.77.0.19',
      [],
      clock,
      new VirtualNetwork(clock),
      {},
      { vxlanMtu, underlay: 'eth0' },
    ).plug('tap1', 'eth0')
    node.driver.kernel.changeLink('eth0', { mtu: underlayMtu })
    await node.attach()
    app = node.api()
    const mtu = vxlanMtu ?? 1500
    const { tight_underlays, problems } = await get('/status')
    expect(tight_underlays).toEqual(room === null ? [] : [{ underlay: 'eth0', room, mtu }])
    const problem = /^vxlan_mtu is 9000, and eth0 has room for 1500: .* raise the MTU of eth0 by 7500/
    expect(problems).toEqual(ok ? [] : [expect.stringMatching(problem)])
  })

  test('shows since when the kernel has not answered, and that the forwarding loop fails', async () => {
    await settled()
    const view = one.view()
    const since = clock.epoch()
    const troubled = { silentSince: since, faults: { count: 3, open: { reason: 'EMFILE', since } } }
    const summary = async (bridges: readonly string[]) => ({ ...(await view.summary(bridges)), ...troubled })
    app = one.api({ dataplane: { ...view, summary } })
    expect(await get('/status')).toMatchObject({
      problems: [
        expect.stringMatching(/^the forwarding loop fails since .*: EMFILE; it is tried again each second$/),
        expect.stringMatching(
          /^the kernel has not answered since 20.*: what forwarding needs to change waits$/,
        ),
      ],
      forwarding_loop: { count: 3 },
    })
  })

  test('names the state that cannot be kept', async () => {
    await settled()
    const unkept = [{ entry: 'instance net1', reason: 'a bug' }]
    app = one.api({ stateFile: () => ({ path: '/state', written: began, failure: null, unkept }) })
    expect(await get('/status')).toMatchObject({
      problems: [
        '1 entries of the state cannot be kept, such as instance net1: a bug; attach them again after a restart',
      ],
      state_file: { unkept },
    })
  })

  test('reports problems of the log, the files and the machine', async () => {
    await settled()
    const lacking = { ...dummyDrivers.evpn, lacks: () => 'CAP_NET_ADMIN is missing' }
    app = one.api({ drivers: { ...dummyDrivers, evpn: lacking } }, undefined, undefined, {
      logHealth: () => ({ path: '/log', dropped: 7, failure: { reason: 'ENOSPC', since: began } }),
      configProblems: () => ['every user of this machine can read the key in /key'],
    })
    expect((await get('/status')).problems).toEqual([
      'evpn cannot be served: CAP_NET_ADMIN is missing',
      expect.stringMatching(/^the log cannot be written to \/log since 20.*: ENOSPC; 7 lines dropped$/),
      'every user of this machine can read the key in /key',
    ])
  })

  test('shows where frames go without a route, until that is over', async () => {
    await settled()
    const entry = { kind: 'remote-mac', device: 'vxlan--net1', mac: 0x06_00_00_00_00_01, vni: 100 } as const
    const strange = { ...entry, dst: ip('192.0.2.99') }
    one.driver.kernel.setEntry(strange, false)
    clock.advance(1000)
    expect((await get('/status')).problems).toEqual([
      expect.stringMatching(
        /^vxlan--net1 sends frames to VTEPs that no route tells of: .*: 1, such as 06:00:00:00:00:01 to 192.0.2.99 \(bridge fdb del/,
      ),
    ])
    one.driver.kernel.removeEntry(strange)
    clock.advance(1000)
    expect(await get('/status')).toMatchObject({ ok: true })
  })

  test('names entries that have been pending for long', async () => {
    await settled()
    one.reconciler.stop() // as if it were busy
    await two.attach({ mac: 0x02_00_00_00_01_03, ip: null })
    clock.advance(30_000)
    expect(await get('/status')).toMatchObject({ ok: true, entries: { pending: 1 } })
    clock.advance(40_000)
    expect((await get('/status')).problems).toEqual([
      expect.stringMatching(/^1 of 8 kernel entries are pending, since 20/),
    ])
  })

  test('counts entries that a device has no use for, and is well', async () => {
    one.driver.fail((op, entry) => op === 'set' && entry.kind === 'neighbour', ipv6Disabled, 10)
    await settled()
    await two.attach({ mac: 0x02_00_00_00_01_03, ip: parseInterfaceAddress('2001:db8::3/64')!, port: 'tap2' })
    clock.advance(1000)
    expect(await get('/status')).toMatchObject({
      ok: true,
      without_ipv6: [{ device: 'evpn---net1', neighbours: 1 }],
      entries: { failed: 0, pending: 0 },
    })
  })

  test('shows signs of different MD5 keys, of a peer that does not answer', async () => {
    const [peer] = one.speaker.peers.values()
    vi.spyOn(peer!.sessions, 'md5Trouble').mockReturnValue('TCP has dropped 3 segments')
    clock.advance(1000)
    const silence = expect.stringMatching(/^peer 10.77.0.12 is .*TCP has dropped 3 segments$/)
    two.speaker.stop('gone')
    clock.advance(10_000)
    expect((await get('/status')).problems).toContainEqual(silence)
  })

  test('answers while the kernel cannot be read, and reports it', async () => {
    await settled()
    const ask = vi.spyOn(one.driver, 'ownedLinks').mockImplementation(() => {
      throw new Error('netlink socket: EMFILE')
    })
    expect(await get('/status')).toMatchObject({
      problems: ['the kernel cannot be asked for its links: netlink socket: EMFILE'],
      entries: { programmed: 7 },
    })
    ask.mockRestore()
    expect(await get('/status')).toMatchObject({ ok: true })
  })

  test('shows that forwarding is headless, and since when', async () => {
    await settled()
    two.speaker.stop('gone')
    const lost = clock.epoch()
    clock.advance(60_000)
    const { problems, routes, ok } = await get('/status')
    expect(routes).toMatchObject({ state: 'headless' })
    expect(routes.since - lost).toBeLessThan(1000)
    expect(ok).toBe(false)
    expect(problems[0]).toMatch(/^no session with any peer: forwarding by the routes of \d{4}-/)
    expect(problems[1]).toMatch(/^peer 10\.77\.0\.12 is \w+ since .*: received Cease/)
    clock.advance(600_000)
    expect((await get('/status')).entries).toMatchObject({ wanted: 5 })
  })

  test('names stale links, and a disabled peer is no problem of its own', async () => {
    await settled()
    one.driver.kernel.addLink('evpn---old', { kind: 'bridge', alias: 'chanter:old' })
    one.speaker.peers.values().next().value!.disable('')
    expect(await get('/status')).toMatchObject({
      problems: ['no session with any peer', 'stale links of chanter: evpn---old'],
      sessions: { established: 0, disabled: 1 },
      stale: { links: [{ name: 'evpn---old', alias: 'chanter:old' }] },
    })
  })

  test('names links that bagpipe-bgp left, in the comparison too, until an instance has them', async () => {
    await settled()
    one.driver.kernel.addLink('vxlan--net2', { kind: 'vxlan', owned: true, outdated: true, vni: 200 })
    const { problems, stale } = await get('/status')
    expect(problems).toContain(
      'links that bagpipe-bgp left and that still forward: vxlan--net2: attach the ports of their VPN instances again, or delete them (ip link delete vxlan--net2)',
    )
    expect(stale).toMatchObject({ links: [{ name: 'vxlan--net2', alias: null }] })
    const verified = await get('/status/verify', 'POST')
    expect(verified).toMatchObject({ extra: 1, faults: [{ fault: 'extra', entry: 'link vxlan--net2' }] })
  })

  test('names the network and the port of a storm', async () => {
    await settled()
    for (let second = 1; second <= 40; second++) {
      one.driver.kernel.counters.set('evpn---net1', { received: 620_000 * second })
      one.driver.kernel.counters.set('tap1', { received: 310_000 * second })
      clock.advance(1000)
    }
    expect(await get('/status')).toMatchObject({
      ok: false,
      problems: ['net1: 620000 broadcast or multicast frames a second on evpn---net1, most from tap1'],
    })
    clock.advance(20_000)
    expect(await get('/status')).toMatchObject({ ok: true, problems: [] })
  })

  test('names a duplicate MAC address', async () => {
    await settled()
    await one.attach({ port: 'tap2', mac: 0x02_00_00_00_01_09, ip: null })
    await two.attach()
    clock.advance(2000)
    expect((await get('/status')).problems).toEqual([])
    for (let move = 1; move <= 5; move++) {
      await one.detach()
      clock.advance(2000)
      await one.attach()
      clock.advance(2000)
    }
    expect((await get('/status')).problems).toEqual([
      'net1: attached here and elsewhere, or moving too often to be in one place: 02:00:00:00:01:01',
    ])
    await two.detach()
    clock.advance(1_800_000)
    expect((await get('/status')).problems).toEqual([])
  })

  test('names addresses that are attached on two nodes, unless that is over soon', async () => {
    await settled()
    await two.attach()
    clock.advance(30_000)
    expect((await get('/status')).problems).toEqual([])
    clock.advance(60_000)
    const problem = `net1: attached here and advertised by others at the same time: 02:00:00:00:01:01 (${THEIRS}) and 1 more: detach what is not in use`
    expect((await get('/status')).problems).toEqual([problem])
    await two.detach()
    await two.attach({ mac: 0x02_00_00_00_01_09 })
    clock.advance(90_000)
    expect((await get('/status')).problems).toEqual([expect.stringContaining(`: 192.168.10.1 (${THEIRS}): `)])
    await two.detach({ mac: 0x02_00_00_00_01_09 })
    clock.advance(1000)
    expect((await get('/status')).problems).toEqual([])
  })

  test('reports that it cannot listen', async () => {
    const network = new VirtualNetwork(clock)
    const [, second] = [0, 1].map(() => new TestNode('10.77.0.19', [], clock, network))
    app = second!.api()
    clock.advance(1000)
    expect(await get('/status')).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/^peers cannot connect to 10\.77\.0\.19 port 179: EADDRINUSE; /)],
    })
  })

  test('is waiting before initial convergence', async () => {
    expect(await get('/status')).toMatchObject({ routes: { state: 'waiting', since: began } })
    expect(await get('/readyz')).toMatchObject({ code: 503, description: 'no session with any peer' })
    await settled()
    expect(await get('/readyz')).toEqual({ ok: true })
    expect(await get('/healthz')).toEqual({ ok: true })
  })
})

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
