import { describe, expect, test } from 'vitest'
import { AsSegmentType } from '../../src/bgp/attribute/attributes.ts'
import { TunnelType } from '../../src/bgp/constants.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { ipv4ToNumber } from '../../src/values/address.ts'
import { TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, macRoute, rt } from '../support/speakers.ts'
import { dummyDrivers } from '../support/test-server.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { began, clock, get, OURS, one, serve, settled, THEIRS, two } from './status-setup.ts'

describe('GET /status', () => {
  test('lists restored attachments until an agent attaches them again, or they are detached', async () => {
    await one.attach()
    await one.attach({ mac: 0x02_00_00_00_01_09, ip: null, port: 'tap2' })
    expect(await get('/status')).toMatchObject({ unconfirmed: { count: 0 } })
    const later = new TestNode('10.77.0.13', [], clock, new VirtualNetwork(clock)).withPorts('tap1', 'tap2')
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

  test.each([
    [
      'AS_PATH holds our AS; give each node its own my_as, or have the peer replace AS 64512 (as-override)',
      { asPath: [{ type: AsSegmentType.Sequence, asns: [65000, 64512] }] },
    ],
    [
      'ORIGINATOR_ID is ours; another node has the router_id 10.77.0.11 too: give it its own',
      { originatorId: ipv4ToNumber(ip(OURS)) },
    ],
  ])('names routes of other nodes that are taken for our own: %s', async (why, attributes) => {
    await settled()
    const problems = async () => (await get('/status')).problems
    const source = localSource('EVI-1')
    const advertise = (mac: string, nextHop: string, target: string) => {
      const extendedCommunities = [encapsulation(TunnelType.Vxlan), rt(target)]
      const nlri = macRoute(nextHop, mac, null)
      two.speaker.originate(source, EVPN, nlri, { ...attributes, extendedCommunities }, ip(nextHop))
      clock.advance(1000)
      return nlri
    }
    advertise('02:00:00:00:01:01', OURS, '64512:10')
    advertise('02:00:00:00:09:02', '10.77.0.13', '64512:11')
    expect(await problems()).toEqual([])
    const nlri = advertise('02:00:00:00:09:01', '10.77.0.13', '64512:10')
    expect(await problems()).toEqual([
      expect.stringMatching(
        `peer ${THEIRS}: 1 routes of other nodes are not used, such as evpn:macadv:.* by 10.77.0.13: taken for a loop: `,
      ),
    ])
    expect((await problems())[0]).toContain(why)
    two.speaker.withdraw(source, EVPN, nlri)
    clock.advance(1000)
    expect(await problems()).toEqual([])
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
    ).withPorts('tap1', 'eth0')
    node.driver.kernel.changeLink('eth0', { mtu: underlayMtu })
    await node.attach()
    serve(node.api())
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
    serve(one.api({ dataplane: { ...view, summary } }))
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
    serve(one.api({ stateFile: () => ({ path: '/state', written: began, failure: null, unkept }) }))
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
    serve(
      one.api({ drivers: { ...dummyDrivers, evpn: lacking } }, undefined, undefined, {
        logHealth: () => ({ path: '/log', dropped: 7, failure: { reason: 'ENOSPC', since: began } }),
        configProblems: () => ['every user of this machine can read the key in /key'],
      }),
    )
    expect((await get('/status')).problems).toEqual([
      'evpn cannot be served: CAP_NET_ADMIN is missing',
      expect.stringMatching(/^the log cannot be written to \/log since 20.*: ENOSPC; 7 lines dropped$/),
      'every user of this machine can read the key in /key',
    ])
  })

  test('is waiting before initial convergence', async () => {
    expect(await get('/status')).toMatchObject({ routes: { state: 'waiting', since: began } })
    expect(await get('/readyz')).toMatchObject({ code: 503, description: 'no session with any peer' })
    await settled()
    expect(await get('/readyz')).toEqual({ ok: true })
    expect(await get('/healthz')).toEqual({ ok: true })
  })
})
