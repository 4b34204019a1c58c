import { describe, expect, test, vi } from 'vitest'
import { ROUTE_TARGET } from '../../src/bgp/family.ts'
import { summaryText } from '../../src/cli/status-text.ts'
import { ipv6Disabled } from '../../src/dataplane/refusal.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { formatTime } from '../../src/values/time.ts'
import { IN_VRF, TestNode } from '../support/node.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { dummyDrivers } from '../support/test-server.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { clock, get, OURS, one, serve, settled, THEIRS, two } from './status-setup.ts'

describe('GET /status', () => {
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

  test('goes on to name what has been wrong for long when the clock of the machine is set back', async () => {
    await settled()
    one.reconciler.stop()
    await two.attach({ mac: 0x02_00_00_00_01_03, ip: null })
    clock.advance(70_000)
    const before = (await get('/status')).problems
    expect(before).toEqual([expect.stringContaining('kernel entries are pending')])
    const epoch = clock.epoch()
    vi.spyOn(clock, 'epoch').mockReturnValue(epoch - 3_600_000)
    expect((await get('/status')).problems).toEqual(before)
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

  test('names the family of an instance that no session carries, until one does', async () => {
    const network = new VirtualNetwork(clock)
    const rr = speakerAt(THEIRS, [peerConfig(OURS, { families: [ROUTE_TARGET] })], clock, network)
    const node = new TestNode(OURS, [peerConfig(THEIRS)], clock, network).withPorts('tap1')
    serve(node.api())
    clock.advance(20_000)
    expect(await get('/status')).toMatchObject({ ok: true, sessions: { established: 1 } })
    await node.attach({ exportTargets: [] })
    clock.advance(20_000)
    expect((await get('/status')).problems).toEqual([
      `no session carries l2vpn/evpn, so VPN instances exchange no routes of it with other nodes: activate it for this node on ${THEIRS}`,
    ])
    rr.setPeers([peerConfig(OURS)])
    clock.advance(20_000)
    expect(await get('/status')).toMatchObject({ ok: true, sessions: { established: 1 } })
    await node
      .withPorts('tap2', 'mpls0')
      .attach({ ...IN_VRF, instanceId: 'a family that it does not offer', port: 'tap2' })
    expect(await get('/status')).toMatchObject({ ok: true, routes: { own: 1 } })
  })

  test('names an external peer without a policy, until it has one', async () => {
    const network = new VirtualNetwork(clock)
    speakerAt(THEIRS, [peerConfig(OURS)], clock, network, { as: 64513 })
    const external = (policy: 'reject' | 'accept') => peerConfig(THEIRS, { as: 64513, external: policy })
    const node = new TestNode(OURS, [external('reject')], clock, network)
    serve(node.api())
    clock.advance(20_000)
    expect(await get('/status')).toMatchObject({
      sessions: { established: 1 },
      problems: [
        `peer ${THEIRS} is in another AS, 64513, and exchanges no routes by its ebgp_policy, reject (RFC 8212): set ebgp_policy = accept in its section, or disable it`,
      ],
    })
    node.speaker.setPeers([external('accept')])
    clock.advance(20_000)
    expect(await get('/status')).toMatchObject({ sessions: { established: 1 }, problems: [] })
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
    expect(problems[1]).toMatch(
      new RegExp(`^peer 10\\.77\\.0\\.12 is down since ${formatTime(lost)}, now \\w+: received Cease`),
    )
    clock.advance(600_000)
    expect((await get('/status')).entries).toMatchObject({ wanted: 5 })
  })

  test('names stale links, and a disabled peer is no problem of its own', async () => {
    await settled()
    one.driver.kernel.addLink('evpn---old', { kind: 'bridge', alias: 'chanter:old' })
    one.speaker.peers.values().next().value!.disable('')
    expect(await get('/status')).toMatchObject({
      problems: [
        'no session with any peer',
        'stale links of chanter, which still forward: evpn---old: attach the ports of their VPN instances again, or delete them (ip link delete evpn---old)',
      ],
      sessions: { established: 0, disabled: 1 },
      stale: { links: [{ name: 'evpn---old', alias: 'chanter:old' }] },
    })
  })

  test('names a port that no agent has attached, until one attaches it or it is taken out', async () => {
    await settled()
    const { kernel } = one.driver
    kernel.enslave('tap2', 'evpn---net1')
    const { problems } = await get('/status')
    expect(problems).toEqual([
      'ports in bridges or VRFs of chanter that no agent has attached: tap2 in evpn---net1: attach them again, or take them out (ip link set tap2 nomaster)',
    ])
    kernel.enslave('tap2', null)
    expect(await get('/status')).toMatchObject({ ok: true, problems: [] })
    kernel.enslave('tap2', 'evpn---net1')
    await one.attach({ mac: 0x02_00_00_00_01_09, ip: null, port: 'tap2' })
    expect(await get('/status')).toMatchObject({ ok: true, problems: [] })
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

  test.each([
    [
      'the interface with most entries',
      new Map([
        ['eth0', 3],
        ['tap1', 1010],
      ]),
      'tap1 has most, 1010',
    ],
    ['that none is here', new Map(), 'none of them here'],
  ])('names a full neighbour table and %s, until it refuses no more', async (_, counts, where) => {
    await settled()
    const { kernel } = one.driver
    kernel.neighbourCounts = counts
    const refuse = (refused: number) => {
      kernel.neighbourTables = [
        { family: 'ipv4', refused, limit: 1024 },
        { family: 'ipv6', refused: 7, limit: 1024 },
      ]
      clock.advance(10_000)
    }
    refuse(500)
    refuse(500)
    expect(await get('/status')).toMatchObject({ ok: true, problems: [] })
    refuse(12_500)
    const problem = `the IPv4 neighbour table is full (1024 entries, ${where}): 12000 new neighbours were refused within 10 seconds, and the node does not reach them; stop what fills it, or raise net.ipv4.neigh.default.gc_thresh3 and gc_thresh2`
    expect(await get('/status')).toMatchObject({ ok: false, problems: [problem] })
    refuse(12_500)
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

  test('names the other instance where two of this node share a route target and an address', async () => {
    await settled()
    await one.attach({ instanceId: 'net2', vni: 200, port: 'tap2', mac: 0x02_00_00_00_01_09 })
    clock.advance(90_000)
    const shared = (id: string, other: string) =>
      `${id}: attached here and advertised by others at the same time: 192.168.10.1 (VPN instance ${other} here, which shares a route target): detach what is not in use`
    expect((await get('/status')).problems).toEqual([shared('net1', 'net2'), shared('net2', 'net1')])
    await one.detach({ instanceId: 'net2', mac: 0x02_00_00_00_01_09 })
    clock.advance(1000)
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

  test.each([
    ['evpn', {}],
    ['ipvpn', IN_VRF],
  ] as const)(
    'asks nothing of the kernel for %s where only the other type has its driver',
    async (type, request) => {
      const drivers = { evpn: 'linux', ipvpn: 'linux', [type]: 'dummy' } as const
      const node = new TestNode('10.77.0.19', [], clock, new VirtualNetwork(clock), {}, { drivers })
      vi.spyOn(node.driver, 'vrfGaps').mockReturnValue(['VMs reach the host'])
      vi.spyOn(node.driver, 'isolationOf').mockReturnValue({ by: null, reason: 'there is no such bridge' })
      const { evpn, ipvpn } = dummyDrivers
      serve(
        node.api({
          drivers: { evpn: { ...evpn, name: drivers.evpn }, ipvpn: { ...ipvpn, name: drivers.ipvpn } },
        }),
      )
      await node.attach(request)
      expect((await get('/status')).problems).toEqual([
        expect.stringMatching(`^1 instances of type ${type} have the dummy driver`),
      ])
    },
  )

  test.each([
    [{ by: 'both', reason: null }, { both: 1 }, '1 bridge by XDP and tc'],
    [{ by: 'xdp', reason: 'tc: EBUSY' }, { xdp: 1 }, '1 bridge by XDP alone (tc: EBUSY)'],
    [{ by: 'tc', reason: 'XDP: EPERM' }, { tc: 1 }, '1 bridge by tc alone (XDP: EPERM)'],
    [
      { by: null, reason: 'EPERM' },
      { open: [expect.objectContaining({ reason: 'EPERM' })] },
      '1 NOT ISOLATED',
    ],
  ] as const)('says what isolates bridges, and what was refused: %j', async (found, counts, text) => {
    await settled()
    one.driver.isolation = found
    const status = await get('/status')
    const refusals = found.by === 'xdp' || found.by === 'tc' ? [found.reason] : []
    expect(status.isolation).toEqual({ both: 0, xdp: 0, tc: 0, open: [], ...counts, refusals })
    expect(summaryText(status)).toContain(` ${text}\n`)
  })

  test('reports that it cannot listen', async () => {
    const network = new VirtualNetwork(clock)
    const [, second] = [0, 1].map(() => new TestNode('10.77.0.19', [], clock, network))
    serve(second!.api())
    clock.advance(1000)
    expect(await get('/status')).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/^peers cannot connect to 10\.77\.0\.19 port 179: EADDRINUSE; /)],
    })
  })
})
