import { existsSync, readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { ChangeListener } from '../../src/dataplane/driver.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import * as vpn from '../dataplane/ip-entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { type FdbEntry, iproute } from './iproute.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

let lab: Lab
let dataplane: Reconciler

beforeEach(() => {
  lab = linuxLab()
  dataplane = lab.restart()
  lab.addInterface('tap1')
})

afterEach(() => lab.close())

async function want(...entries: Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  const open = await dataplane.settled(entries)
  return open.map(({ entry, status }) => [entry, status.reason] as const)
}

const everything: Entry[] = [
  ...e.network,
  e.local(1),
  e.flood('192.0.2.2'),
  e.remote(2),
  e.remote(3, '192.0.2.3', 300),
  e.neighbour('10.0.0.2', 2),
  e.neighbour('2001:db8::3', 3),
]

async function untilAllHold(): Promise<void> {
  await lab.until(() => everything.every((entry) => lab.holds(entry)))
}

function fdbOf(device: string, mac: number): FdbEntry[] {
  return iproute.fdb(device).filter((entry) => entry.mac === formatMac(mac))
}

describe('the actual state', () => {
  beforeEach(async () => {
    expect(await want(...everything)).toEqual([])
  })

  test('a bridge: up, without STP and forward delay, with an address of its own', () => {
    const { flags, ifalias, linkinfo } = iproute.link('br0') ?? {}
    expect(flags).toContain('UP')
    expect(ifalias).toBe('chanter:net1')
    expect(linkinfo).toMatchObject({ info_kind: 'bridge', info_data: { stp_state: 0, forward_delay: 0 } })
  })

  test('a VXLAN device: up, not learning', () => {
    const { flags, linkinfo, ifalias } = iproute.link('vx0') ?? {}
    expect(flags).toContain('UP')
    expect(ifalias).toBe('chanter:net1')
    expect(linkinfo?.info_data).toMatchObject({
      id: e.VNI,
      local: '192.0.2.1',
      port: 4789,
      learning: false,
      ttl: 0,
    })
    expect(linkinfo?.info_slave_data).toMatchObject({ learning: false, neigh_suppress: true })
  })

  test('an external port: in the bridge, and up', () => {
    const { flags, master, linkinfo } = iproute.link('tap1') ?? {}
    expect(master).toBe('br0')
    expect(flags).toContain('UP')
    expect(linkinfo?.info_slave_data).toMatchObject({ learning: true, neigh_suppress: false })
  })

  test('a remote MAC: both halves marked, the VNI only where it is not the device’s', () => {
    const mac = formatMac(e.mac(2))
    const bridged = { mac, master: 'br0', flags: ['extern_learn'], state: '' }
    expect(fdbOf('vx0', e.mac(2))).toEqual([
      bridged,
      { mac, dst: '192.0.2.2', flags: ['self', 'extern_learn'], state: 'static' },
    ])
    expect(fdbOf('vx0', e.mac(3))).toMatchObject([{ master: 'br0' }, { dst: '192.0.2.3', vni: 300 }])
  })

  test('a local MAC: marked, in the bridge only', () => {
    expect(fdbOf('tap1', e.mac(1))).toEqual([
      { mac: formatMac(e.mac(1)), master: 'br0', flags: ['extern_learn'], state: '' },
    ])
  })

  test('a flood entry: an all-zero MAC of the VXLAN device only', () => {
    expect(fdbOf('vx0', 0)).toEqual([
      { mac: '00:00:00:00:00:00', dst: '192.0.2.2', flags: ['self', 'extern_learn'], state: 'static' },
    ])
  })

  test('neighbours: marked, never asked for', () => {
    const extern = iproute.neighbours('br0').filter((entry) => entry.extern_learn === null)
    expect(extern.map(({ dst, lladdr, state }) => [dst, lladdr, ...state]).sort()).toEqual([
      ['10.0.0.2', formatMac(e.mac(2)), 'NOARP'],
      ['2001:db8::3', formatMac(e.mac(3)), 'NOARP'],
    ])
  })
})

test('a port with a lower address than the bridge changes neither its address nor its neighbours', async () => {
  await want(...everything)
  const address = iproute.link('br0')?.address
  const deletions = await lab.deletions()
  run('ip link add low0 address 00:00:00:00:00:01 type veth peer name low1')
  run('ip link set low0 master br0')
  expect(await deletions()).toEqual([])
  expect(iproute.link('br0')?.address).toBe(address)
  await untilAllHold()
})

describe('heals', () => {
  beforeEach(async () => {
    await want(...everything)
  })

  test.each([
    ['options of a port', 'bridge link set dev vx0 learning on neigh_suppress off'],
    ['STP', 'ip link set br0 type bridge stp_state 1'],
    ['learning of a VXLAN device', 'ip link set vx0 type vxlan learning'],
    ['the bridge going down and up, which drops all neighbours', 'ip link set br0 down'],
    ['the VXLAN device going down, which drops what is not static', 'ip link set vx0 down'],
    ['all FDB entries flushed', 'bridge fdb flush dev vx0'],
    ['all neighbours flushed', 'ip neigh flush all nud noarp'],
    ['the alias of another instance of ours', 'ip link set vx0 alias chanter:other'],
    [
      'an entry of another controller, with the mark',
      `bridge fdb replace ${formatMac(e.mac(2))} dev vx0 dst 9.9.9.9 self extern_learn`,
    ],
    [
      'a MAC that another controller claims',
      `bridge fdb replace ${formatMac(e.mac(2))} dev tap1 master extern_learn`,
    ],
  ])('%s', async (_what, command) => {
    const { ifindex } = iproute.link('vx0') ?? {}
    run(command)
    await untilAllHold()
    expect(iproute.link('vx0')?.ifindex).toBe(ifindex)
  })

  test('an external device that was renamed and named back', async () => {
    run('ip link set tap1 name other')
    await lab.until(() => dataplane.status(e.local(1)).state === 'failed')
    expect(dataplane.status(e.local(1)).reason).toBe('interface tap1 does not exist')
    run('ip link set other name tap1')
    await untilAllHold()
  })
})

describe('the words of the kernel', () => {
  test.each<[string, Entry, string]>([
    [
      'a port that cannot be one',
      { ...e.tapPort, device: 'br9' },
      'ELOOP: Can not enslave a bridge to a bridge',
    ],
    ['a VTEP of the wrong family', e.flood('2001:db8::2'), 'EAFNOSUPPORT'],
    [
      'a name that is too long',
      { ...e.bridge, device: 'a-very-long-bridge-name' },
      'ERANGE: Attribute failed policy validation',
    ],
  ])('%s', async (_what, entry, reason) => {
    await want(...e.network)
    lab.addBridge('br9')
    expect(await want(entry)).toEqual([[entry, expect.stringContaining(reason)]])
  })

  test('of one message in a batch concern only its entry', async () => {
    await want(...e.network)
    const bad = e.remote(500, '2001:db8::2')
    const good = Array.from({ length: 300 }, (_, i) => e.remote(1000 + i))
    const open = await want(...good.slice(0, 100), bad, ...good.slice(100))
    expect(open).toEqual([[bad, 'EAFNOSUPPORT']])
    for (const entry of [good[0], good[150], good[299]]) expect(entry && lab.holds(entry)).toBe(true)
  })
})

test('after a bulk, what others change with our mark is noticed again', async () => {
  await want(...e.network)
  const many = Array.from({ length: 5000 }, (_, i) => e.remote(1000 + i))
  expect(await want(...many)).toEqual([])
  const victim = e.remote(1234)
  run(`bridge fdb replace ${formatMac(victim.mac)} dev vx0 dst 9.9.9.9 self extern_learn`)
  expect(lab.holds(victim)).toBe(false)
  await lab.until(() => lab.holds(victim))
})

test('a bulk does not hide what others delete meanwhile', async () => {
  await want(...everything)
  const many = Array.from({ length: 20_000 }, (_, i) => e.remote(1000 + i))
  for (const entry of many) dataplane.want(entry)
  await new Promise((resolve) => setImmediate(resolve))
  expect(dataplane.statuses.counts().pending).toBeGreaterThan(10_000)
  lab.forget(e.remote(2))
  expect(await dataplane.settled(many)).toEqual([])
  await lab.until(() => lab.holds(e.remote(2)))
})

test('lost notifications are noticed, and their changes are found', async () => {
  lab.close()
  lab = linuxLab({ monitorBufferBytes: 4096 })
  dataplane = lab.restart()
  lab.addInterface('tap1')
  await want(...everything)
  await lab.calm()
  const observe = vi.spyOn(lab.driver, 'dump')
  for (let i = 0; i < 100; i++)
    run(`ip neigh replace 10.9.9.${i + 1} lladdr 02:00:00:00:09:09 dev br0 nud permanent`)
  lab.forget(e.remote(2))
  lab.forget(e.neighbour('10.0.0.2', 2))
  lab.enslave('tap1', null)
  await untilAllHold()
  expect(observe.mock.calls.map(([device]) => device).sort()).toEqual(
    expect.arrayContaining(['br0', 'tap1', 'vx0']),
  )
})

function listener(rerouted = () => {}): ChangeListener {
  const silent = {
    linkChanged() {},
    linkDisrupted() {},
    entryChanged() {},
    fdbChanged() {},
    addressesChanged() {},
    overrun() {},
  }
  return { ...silent, routesChanged: rerouted }
}

test.each([
  ['a route', 'route add 203.0.113.0/24 dev tap1', 'route flush dev tap1', true],
  ['an IPv6 route', 'route add 2001:db8:f::/48 dev tap1', '-6 route flush dev tap1', true],
  ['an interface that went down', 'link set tap1 down', 'link set tap1 up', true],
  ['a rule', 'rule add from 203.0.113.1 table 77', 'rule del table 77', true],
  ['a nexthop', 'nexthop add id 7 blackhole', 'nexthop del id 7', true],
  ['a route of ours', 'route add 203.0.113.0/24 dev tap1 proto 19', 'route flush dev tap1', false],
  ['a nexthop of ours', 'nexthop add id 7 blackhole proto 19', 'nexthop del id 7', false],
  ['a neighbour', 'neigh add 203.0.113.1 lladdr 02:00:00:00:09:09 dev tap1', 'neigh flush dev tap1', false],
])('a driver is notified that paths may have changed by %s', (_what, command, undo, isReported) => {
  run('ip link set tap1 up')
  const driver = new LinuxDriver({ clock: systemClock })
  const rerouted = vi.fn()
  driver.watch(listener(rerouted))
  driver.poll()
  rerouted.mockClear()
  run(`ip ${command}`)
  driver.poll()
  expect(rerouted.mock.calls.length).toBe(isReported ? 1 : 0)
  driver.close()
  run(`ip ${undo}`)
})

test('a driver is not woken by what bridges learn, but by what others set', () => {
  lab.addBridge('br9')
  run('ip link add tap9 up master br9 type veth peer name vm9')
  run('ip link set vm9 up')
  const driver = new LinuxDriver({ clock: systemClock })
  const bridged = vi.fn()
  driver.watch({ ...listener(), fdbChanged: bridged })
  driver.poll()
  bridged.mockClear()
  for (let i = 1; i <= 9; i++) run(`bridge fdb add 06:00:00:00:00:0${i} dev tap9 master dynamic`)
  run('bridge fdb del 06:00:00:00:00:01 dev tap9 master')
  driver.poll()
  expect(bridged).not.toHaveBeenCalled()
  run('bridge fdb add 06:00:00:00:00:0a dev tap9 master static')
  driver.poll()
  expect(bridged).toHaveBeenCalledTimes(1)
  driver.close()
})

test('a driver follows a device that was made anew', () => {
  const driver = new LinuxDriver({ clock: systemClock })
  driver.watch(listener())
  const entry = e.flood('192.0.2.2')
  for (const vni of [5, 6]) {
    run(`ip link add vx0 type vxlan id ${vni} dstport 4789`)
    driver.poll()
    expect([...driver.set([entry])]).toEqual([])
    expect(fdbOf('vx0', 0)).toMatchObject([{ dst: '192.0.2.2', vni: e.VNI }])
    run('ip link del vx0')
  }
  driver.poll()
  expect([...driver.set([entry])]).toMatchObject([[0, { text: 'interface vx0 does not exist' }]])
  driver.close()
})

test('a driver sees external changes of its neighbour entries, and of its own changes only removals', () => {
  run('ip link add br0 up type bridge')
  const driver = new LinuxDriver({ clock: systemClock })
  const reported: [string, boolean][] = []
  const seen: ChangeListener['entryChanged'] = ({ entry }, present) =>
    void reported.push([entry.kind, present])
  driver.watch({ ...listener(), entryChanged: seen })
  const entry = e.neighbour('10.0.0.2', 2)
  const others = new LinuxDriver({ clock: systemClock })
  const reportedBy = (change: () => unknown) => {
    reported.length = 0
    change()
    driver.poll()
    return reported
  }
  expect(reportedBy(() => driver.set([entry]))).toEqual([])
  expect(reportedBy(() => driver.remove([entry]))).toEqual([['neighbour', false]])
  expect(reportedBy(() => others.set([entry]))).toEqual([['neighbour', true]])
  driver.set([entry])
  expect(reportedBy(() => others.set([{ ...entry, mac: e.mac(3) }]))).toEqual([['neighbour', true]])
  expect(reportedBy(() => others.remove([entry]))).toContainEqual(['neighbour', false])
  for (const one of [driver, others]) one.close()
})

test('every socket is closed again', async () => {
  const sockets = () => readdirSync('/proc/self/fd').length
  await want(...everything)
  const before = sockets()
  for (let i = 0; i < 20; i++) {
    const driver = new LinuxDriver({ clock: systemClock })
    driver.watch(listener())
    driver.vxlanIn('br0', e.VNI)
    driver.ownedLinks()
    const look = driver.dump('vx0')
    look.next()
    look.return()
    driver.close()
  }
  expect(sockets()).toBe(before)
})

test('a kernel that cannot forward IP VPNs names the missing feature', async () => {
  run('ip link set tap1 up')
  const missing = (path: string) => !existsSync(path)
  const open = await want(vpn.red, vpn.label(100, 'tap1'), { ...vpn.core, device: 'tap1' })
  const reasons = new Map(open.map(([{ kind }, reason]) => [kind, reason]))
  const noMpls = missing('/proc/sys/net/mpls') ? 'the kernel has no MPLS: modprobe mpls_router' : undefined
  expect(reasons.get('mpls')).toBe(noMpls)
  expect(reasons.get('mpls-interface')).toBe(noMpls)
  expect([undefined, 'EOPNOTSUPP: Unknown device type: modprobe vrf']).toContain(reasons.get('vrf'))
})
