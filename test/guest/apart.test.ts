import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/ip-entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { enterOwnNamespace, run } from '../kernel/namespace.ts'

let lab: Lab
let dataplane: Reconciler

/** Rules outlive the links that they are for. */
beforeEach(() => {
  enterOwnNamespace()
  lab = linuxLab()
  dataplane = lab.restart()
  run('ip link add tap1 up type veth peer name far1')
  run('ip link set far1 up')
})

afterEach(() => lab.close())

async function want(...entries: Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  expect(await dataplane.settled(entries)).toEqual([])
}

async function unwant(...entries: Entry[]) {
  for (const entry of entries) dataplane.unwant(entry)
  await dataplane.gone(entries)
}

const RED: Entry[] = [e.red, e.unreachable('0.0.0.0/0'), e.unreachable('::/0'), e.port()]

/** Tables of rules, in the order in which they are gone by. */
const rules = (family: 4 | 6) =>
  [...run(`ip -${family} rule`).matchAll(/lookup (\S+)/g)].map(([, table]) => table)
const ORDERED = { 4: ['[l3mdev-table]', 'local'], 6: ['[l3mdev-table]', 'local'] }
const firstRules = () => ({ 4: rules(4).slice(0, 2), 6: rules(6).slice(0, 2) })

describe('the rules of the machine', () => {
  test('have VRFs looked up before its own addresses while there is one, and change the place of no other rule', async () => {
    run('ip rule add pref 5 from 203.0.113.1 lookup 77')
    await want(...RED)
    expect(firstRules()).toEqual(ORDERED)
    expect(rules(4)[2]).toBe('77')
    await unwant(...RED)
    for (const family of [4, 6] as const) {
      const left = rules(family)
      expect(left[0]).toBe('local')
      expect(left.filter((table) => table === 'local')).toHaveLength(1)
    }
  })

  test('are repaired', async () => {
    await want(...RED)
    run('ip rule del pref 0 l3mdev')
    await lab.until(() => rules(4)[0] === '[l3mdev-table]')
    expect(await dataplane.vrfGaps()).toEqual([])
  })

  test('that the operator has put in order are left alone', async () => {
    run('ip link add other type vrf table 99')
    run('ip rule add pref 32765 lookup local')
    run('ip rule del pref 0')
    const before = run('ip rule')
    const known = rules(4)
    await want(...RED)
    expect(rules(4)).toEqual(known)
    expect(run('ip rule')).toBe(before)
    await unwant(...RED)
    expect(run('ip rule')).toBe(before)
  })

  test('that are not ours to change are a gap', () => {
    const driver = new LinuxDriver({ clock: systemClock, managesRules: false })
    expect(driver.setDevice(e.red)).toBeNull()
    expect(rules(4)[0]).toBe('local')
    expect(driver.vrfGaps()).toEqual([expect.stringMatching(/ip rule has local before l3mdev/)])
    driver.close()
  })
})

test('services of the host that take what comes in by VRFs are a gap', async () => {
  await want(...RED)
  expect(await dataplane.vrfGaps()).toEqual([])
  run('sysctl -qw net.ipv4.udp_l3mdev_accept=1')
  expect(await dataplane.vrfGaps()).toEqual([
    expect.stringMatching(/services of the host .*: net.ipv4.udp_l3mdev_accept is 1$/),
  ])
})

test('a VRF has nothing reachable in it when it is made, whatever else is wanted', () => {
  expect(lab.driver.setDevice(e.red)).toBeNull()
  for (const family of ['-4', '-6'])
    expect(run(`ip ${family} route show table ${e.red.table}`)).toMatch(/^unreachable default/)
})

describe('a port of a VRF', () => {
  const filter = () => run('tc filter show dev tap1 ingress')

  test('takes no ICMP errors for the node, and has no filter when it is released', async () => {
    await want(...RED)
    expect(filter()).toContain('chanter_icmp')
    await unwant(e.port())
    expect(filter()).toBe('')
    expect(run('ip -o link show tap1')).not.toMatch(/<[^>]*\bUP\b/)
  })

  test('has its filter repaired', async () => {
    await want(...RED)
    run('tc filter del dev tap1 ingress')
    await lab.until(() => filter().includes('chanter_icmp'))
    run('tc qdisc del dev tap1 clsact')
    await lab.until(() => filter().includes('chanter_icmp'))
  })
})
