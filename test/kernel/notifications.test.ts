import { existsSync, readdirSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { ChangeListener } from '../../src/dataplane/driver.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import * as e from '../dataplane/entries.ts'
import * as vpn from '../dataplane/ip-entries.ts'
import { everything, fdbOf, lab, start, untilAllHold, want } from './details-setup.ts'
import { run } from './namespace.ts'

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

test('lost notifications are noticed, and their changes are found', async () => {
  lab.close()
  start({ monitorBufferBytes: 4096 })
  await want(...everything)
  await lab.calm()
  const dump = vi.spyOn(lab.driver, 'dump')
  for (let i = 0; i < 100; i++)
    run(`ip neigh replace 10.9.9.${i + 1} lladdr 02:00:00:00:09:09 dev br0 nud permanent`)
  lab.forget(e.remote(2))
  lab.forget(e.neighbour('10.0.0.2', 2))
  lab.enslave('tap1', null)
  await untilAllHold()
  expect(dump.mock.calls.map(([device]) => device).sort()).toEqual(
    expect.arrayContaining(['br0', 'tap1', 'vx0']),
  )
})

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
    const dump = driver.dump('vx0')
    dump.next()
    dump.return()
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
