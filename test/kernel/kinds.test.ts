import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { same, TABLE_KINDS, type TableEntry, type TableKind } from '../../src/dataplane/kinds/index.ts'
import { hasMpls } from '../../src/dataplane/linux/sysctl.ts'
import * as e from '../dataplane/entries.ts'
import * as vpn from '../dataplane/ip-entries.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace } from './namespace.ts'

enterOwnNamespace()

/** One of each kind, on devices of `NETWORK`. */
const SAMPLES: Readonly<Partial<Record<TableKind, readonly TableEntry[]>>> = {
  'local-mac': [e.local(1)],
  flood: [e.flood('192.0.2.2'), e.flood('192.0.2.3', 300)],
  'remote-mac': [e.remote(2), e.remote(3, '192.0.2.3', 300)],
  neighbour: [e.neighbour('10.0.0.2', 2), e.neighbour('2001:db8::2', 2, true)],
  unreachable: [vpn.unreachable('10.9.0.0/16'), vpn.unreachable('2001:db8:9::/48')],
  'mpls-interface': [vpn.core],
  'udp-port': [vpn.udpPort],
  address: [vpn.address('10.1.0.1/24', 'tap2'), vpn.address('2001:db8:1::1/64', 'tap2')],
  'fixed-neighbour': [vpn.fixed('10.1.0.5', 5, 'tap2'), vpn.fixed('2001:db8:1::5', 5, 'tap2')],
  route: [vpn.route('10.1.0.5/32', ['tap2']), vpn.route('2001:db8:1::5/128', ['tap2'])],
  mpls: [vpn.label(1000, 'tap2 via 10.1.0.5')],
  'proxy-neighbour': [vpn.proxy('2001:db8:1::77', 'tap2')],
}

/** Kinds that need VRFs or MPLS, which not every kernel has. */
const OF_VRFS: readonly TableKind[] = [
  'unreachable',
  'address',
  'fixed-neighbour',
  'route',
  'proxy-neighbour',
]
const OF_MPLS: readonly TableKind[] = ['mpls-interface', 'udp-port', 'mpls']
const hasVrfs = spawnSync('ip', ['link', 'add', 'probe', 'type', 'vrf', 'table', '9']).status === 0
const isThere = (kind: TableKind) =>
  (hasVrfs || !OF_VRFS.includes(kind)) && ((hasVrfs && hasMpls()) || !OF_MPLS.includes(kind))

const NETWORK = [...e.network, ...(hasVrfs ? [vpn.red, vpn.port('tap2')] : [])]
const lab = linuxLab()

beforeAll(async () => {
  lab.addInterface('tap1')
  if (hasVrfs) lab.addUp('tap2', 'core0')
  const dataplane = lab.restart()
  for (const entry of NETWORK) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(NETWORK))).toEqual([])
})

afterAll(() => lab.close())

test('there is a sample of each kind', () =>
  expect(Object.keys(SAMPLES).sort()).toEqual([...TABLE_KINDS].sort()))

describe.each(TABLE_KINDS.filter(isThere))('%s', (kind) => {
  test.each(SAMPLES[kind] ?? [])('is shown by iproute2 and by a dump, until it is removed: %#', (entry) => {
    expect(lab.driver.set([entry])).toEqual(new Map())
    expect(lab.holds(entry)).toBe(true)
    expect(found(entry)).toMatchObject([{ entry }])
    expect(lab.driver.remove([entry])).toEqual(new Map())
    expect(lab.holds(entry)).toBe(false)
    expect(found(entry)).toEqual([])
    expect(lab.driver.remove([entry])).toEqual(new Map())
  })
})

function found(wanted: TableEntry) {
  return [...lab.driver.dump(wanted.device)].flat().filter(({ entry }) => same(entry, wanted))
}
