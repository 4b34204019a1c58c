import { afterEach, describe, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Entry, MadeLink } from '../../src/dataplane/model.ts'
import { dataplaneView } from '../../src/dataplane/view.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { showVerification } from '../../src/rest/status-entries.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { NO_FAULTS } from '../support/test-server.ts'
import { kernelState } from './kernel-node.ts'
import { linuxLab, programmedLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

const everything: Entry[] = [
  ...e.network,
  e.local(1),
  e.flood('192.0.2.2'),
  e.remote(2),
  e.remote(3),
  e.neighbour('10.0.0.2', 2),
]

let lab: Lab
let dataplane: Reconciler

async function begin(options: Parameters<Lab['restart']>[0]): Promise<void> {
  ;[lab, dataplane] = await programmedLab(everything, options)
  dataplane.complete()
  // the kernel notices late that it has no carrier
  await lab.until(() => run('ip link show tap1').includes('state DOWN'))
}

afterEach(() => {
  lab.close()
  run('ip nexthop flush')
})

const MAC = formatMac(e.mac(2))
const NEXTHOPS = ['ip nexthop add id 8 via 192.0.2.7 fdb', 'ip nexthop add id 9 group 8 fdb']
const LOCAL = formatMac(e.mac(1))
const ANOTHER = formatMac(e.mac(77))
const FLOOD = '00:00:00:00:00:00'

/** What others may do to what is ours: in iproute2's words, one by one. */
const CHANGES: [what: string, command: string][] = [
  ['fdb: dst', `bridge fdb replace ${MAC} dev vx0 dst 192.0.2.99 self static extern_learn`],
  ['fdb: port', `bridge fdb replace ${MAC} dev vx0 dst 192.0.2.2 port 5555 self static extern_learn`],
  ['fdb: via', `bridge fdb replace ${MAC} dev vx0 dst 192.0.2.2 via lo self static extern_learn`],
  ['fdb: vni', `bridge fdb replace ${MAC} dev vx0 dst 192.0.2.2 vni 7 self static extern_learn`],
  ['fdb: permanent', `bridge fdb replace ${MAC} dev vx0 dst 192.0.2.2 self permanent`],
  ['fdb: dynamic', `bridge fdb replace ${MAC} dev vx0 dst 192.0.2.2 self dynamic`],
  [
    'fdb: nhid',
    `bridge fdb del ${MAC} dev vx0 self && bridge fdb add ${MAC} dev vx0 nhid 9 self extern_learn`,
  ],
  ['fdb: master, permanent', `bridge fdb replace ${MAC} dev vx0 master permanent`],
  ['fdb: master, static', `bridge fdb replace ${MAC} dev vx0 master static`],
  ['fdb: master, sticky', `bridge fdb replace ${MAC} dev vx0 master static sticky`],
  ['fdb: master, another port', `bridge fdb replace ${MAC} dev tap1 master static`],
  ['fdb: local, permanent', `bridge fdb replace ${LOCAL} dev tap1 master permanent`],
  ['fdb: local, permanent behind another port', `bridge fdb replace ${LOCAL} dev vx0 master permanent`],
  [
    'fdb: local, permanent without our mark',
    `bridge fdb del ${LOCAL} dev tap1 master && bridge fdb add ${LOCAL} dev tap1 master permanent`,
  ],
  ['link: alias', 'ip link set vx0 alias customer-4711'],
  ['link: name', 'ip link set vx0 name elsewhere'],
  ['link: name and alias', 'ip link set vx0 name elsewhere && ip link set elsewhere alias customer-4711'],
  ['link: alias and name', 'ip link set br0 alias customer-4711 && ip link set br0 name elsewhere'],
  ['vxlan: ttl 1', 'ip link set vx0 type vxlan ttl 1'],
  ['vxlan: tos 4', 'ip link set vx0 type vxlan tos 4'],
  ['vxlan: df set', 'ip link set vx0 type vxlan df set'],
  ['vxlan: remote 10.99.0.77', 'ip link set vx0 type vxlan remote 10.99.0.77'],
  ['vxlan: local 192.0.2.9', 'ip link set vx0 type vxlan local 192.0.2.9'],
  ['vxlan: learning', 'ip link set vx0 type vxlan learning'],
  ['vxlan: ageing 77', 'ip link set vx0 type vxlan ageing 77'],
  ['vxlan: protodown on', 'ip link set vx0 protodown on'],
  ['vxlan: mtu 1300', 'ip link set vx0 mtu 1300'],
  ['vxlan: down', 'ip link set vx0 down'],
  ['vxlan: nomaster', 'ip link set vx0 nomaster'],
  ['bridge: ageing_time 0', 'ip link set br0 type bridge ageing_time 0'],
  ['bridge: stp_state 1', 'ip link set br0 type bridge stp_state 1'],
  ['bridge: forward_delay 400', 'ip link set br0 type bridge forward_delay 400'],
  ['bridge: group_fwd_mask 8', 'ip link set br0 type bridge group_fwd_mask 8'],
  ['bridge: mcast_snooping 1', 'ip link set br0 type bridge mcast_snooping 1'],
  ['bridge: down', 'ip link set br0 down'],
  ['port vx0: hairpin on', 'bridge link set dev vx0 hairpin on'],
  ['port vx0: guard on', 'bridge link set dev vx0 guard on'],
  ['port vx0: root_block on', 'bridge link set dev vx0 root_block on'],
  ['port vx0: learning on', 'bridge link set dev vx0 learning on'],
  ['port vx0: flood off', 'bridge link set dev vx0 flood off'],
  ['port vx0: mcast_flood off', 'bridge link set dev vx0 mcast_flood off'],
  ['port vx0: bcast_flood off', 'bridge link set dev vx0 bcast_flood off'],
  ['port vx0: mcast_to_unicast on', 'bridge link set dev vx0 mcast_to_unicast on'],
  ['port vx0: neigh_suppress off', 'bridge link set dev vx0 neigh_suppress off'],
  ['port vx0: vlan_tunnel on', 'bridge link set dev vx0 vlan_tunnel on'],
  ['port vx0: isolated on', 'bridge link set dev vx0 isolated on'],
  ['port vx0: locked on', 'bridge link set dev vx0 locked on'],
  ['port vx0: state 0', 'bridge link set dev vx0 state 0'],
  ['port vx0: backup_port tap1', 'bridge link set dev vx0 backup_port tap1'],
  ['port tap1: hairpin on', 'bridge link set dev tap1 hairpin on'],
  ['port tap1: guard on', 'bridge link set dev tap1 guard on'],
  ['port tap1: root_block on', 'bridge link set dev tap1 root_block on'],
  ['port tap1: learning off', 'bridge link set dev tap1 learning off'],
  ['port tap1: flood off', 'bridge link set dev tap1 flood off'],
  ['port tap1: mcast_flood off', 'bridge link set dev tap1 mcast_flood off'],
  ['port tap1: bcast_flood off', 'bridge link set dev tap1 bcast_flood off'],
  ['port tap1: mcast_to_unicast on', 'bridge link set dev tap1 mcast_to_unicast on'],
  ['port tap1: neigh_suppress on', 'bridge link set dev tap1 neigh_suppress on'],
  ['port tap1: vlan_tunnel on', 'bridge link set dev tap1 vlan_tunnel on'],
  ['port tap1: isolated on', 'bridge link set dev tap1 isolated on'],
  ['port tap1: locked on', 'bridge link set dev tap1 locked on'],
  ['port tap1: backup_port vx0', 'bridge link set dev tap1 backup_port vx0'],
  [
    'neigh: lladdr 02:00:00:00:00:99 nud noarp extern_learn',
    'ip neigh replace 10.0.0.2 dev br0 lladdr 02:00:00:00:00:99 nud noarp extern_learn',
  ],
  [
    'neigh: lladdr 02:00:00:00:00:02 nud permanent extern_learn',
    'ip neigh replace 10.0.0.2 dev br0 lladdr 02:00:00:00:00:02 nud permanent extern_learn',
  ],
  [
    'neigh: lladdr 02:00:00:00:00:02 nud noarp extern_learn router',
    'ip neigh replace 10.0.0.2 dev br0 lladdr 02:00:00:00:00:02 nud noarp extern_learn router',
  ],
  [
    'neigh: lladdr 02:00:00:00:00:02 nud reachable',
    'ip neigh replace 10.0.0.2 dev br0 lladdr 02:00:00:00:00:02 nud reachable',
  ],
  [
    'neigh: lladdr 02:00:00:00:00:02 nud noarp',
    'ip neigh replace 10.0.0.2 dev br0 lladdr 02:00:00:00:00:02 nud noarp',
  ],
  ['neigh: nud failed', 'ip neigh replace 10.0.0.2 dev br0 nud failed'],
  ['fdb: another MAC', `bridge fdb add ${ANOTHER} dev vx0 dst 192.0.2.99 self static extern_learn`],
  ['fdb: another local MAC', `bridge fdb add ${ANOTHER} dev tap1 master static extern_learn`],
  ['neigh: of another address', `ip neigh add 10.0.0.77 dev br0 lladdr ${ANOTHER} nud noarp extern_learn`],
  ['flood: another VTEP', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.99 self static extern_learn`],
  ['flood: port', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.2 port 5555 self static extern_learn`],
  ['flood: via', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.2 via lo self static extern_learn`],
  ['flood: vni', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.2 vni 7 self static extern_learn`],
]

describe('found by a comparison', () => {
  test.each(CHANGES)('%s: reported and repaired', async (_what, command) => {
    await begin({ deaf: true })
    const before = state()
    commit(command)
    expect(state()).not.toBe(before)
    const found = await dataplane.verifier.verify()
    expect(found.missing + found.different + found.extra).toBeGreaterThan(0)
    expect(JSON.stringify(showVerification(found, dataplaneView(dataplane, NO_FAULTS)))).toContain(
      '"faults":[{',
    )
    await dataplane.verifier.verify() // one that moved back and was static is removed and set again now
    await becomes(before)
    expect(await dataplane.verifier.verify()).toMatchObject({ faults: [], unreadable: [] })
  })
})

describe('notified', () => {
  test.each(CHANGES)('%s: repaired', async (_what, command) => {
    await begin({})
    const before = state()
    commit(command)
    await becomes(before)
  })
})

test('a VXLAN device that was bound to an interface, which cannot be undone, is made anew', async () => {
  await begin({})
  const index = lab.indexOf('vx0')
  run('ip link set vx0 type vxlan dev lo')
  await lab.until(() => everything.every((entry) => lab.holds(entry)) && lab.indexOf('vx0') !== index)
  expect(run('ip -d link show vx0')).not.toContain('dev lo')
})

test('entries that were set while a bridge had lost its mark are as in a bridge of ours once it has it again', async () => {
  await begin({})
  const before = state()
  run('ip link set br0 alias customer-4711')
  dataplane = lab.restart({}) // knows nothing of the mark, and takes the agent's bridge for one of others
  const wanted = everything.map((entry) => (entry.kind === 'bridge' ? { ...entry, external: true } : entry))
  for (const entry of wanted) dataplane.want(entry)
  expect(await dataplane.settled(wanted)).toEqual([])
  expect(run('bridge fdb show br br0')).toMatch(/tap1 extern_learn sticky[\s\S]*vx0 extern_learn sticky/)
  run('ip link set br0 alias chanter:net1')
  await becomes(before)
})

test('a flood list that another program began gets its mark when nothing but ours is left in it', async () => {
  await begin({})
  const both = [e.flood('192.0.2.2'), e.flood('192.0.2.3')]
  const marked = /00:00:00:00:00:00 dst 192.0.2.\d self extern_learn static/g
  dataplane.unwant(e.flood('192.0.2.2'))
  await dataplane.gone([e.flood('192.0.2.2')])
  run(`bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.99 self`)
  for (const entry of both) dataplane.want(entry)
  expect(await dataplane.settled(both)).toEqual([])
  expect(run('bridge fdb show dev vx0')).not.toMatch(marked)
  run(`bridge fdb del ${FLOOD} dev vx0 dst 192.0.2.99 self`)
  expect(await dataplane.verifier.verify()).toMatchObject({ missing: 0, different: 2, extra: 0 })
  await lab.until(() => run('bridge fdb show dev vx0').match(marked)?.length === 2)
  expect(await dataplane.verifier.verify()).toMatchObject({ faults: [] })
})

test.each([
  ['notified', false],
  ['not notified', true],
])('links of ours that were renamed go with their network: %s', async (_what, deaf) => {
  await begin({ deaf })
  run('ip link set br0 name stray')
  run('ip link set vx0 name other')
  for (const entry of everything) dataplane.unwant(entry)
  await dataplane.gone(everything)
  expect(run('ip link')).not.toMatch(/stray|other|br0|vx0/)
})

test('a link of another program that got the index of one of ours unnoticed is not ours', async () => {
  await begin({ deaf: true })
  const index = lab.indexOf('vx0')
  run('ip link del vx0')
  run(`ip link add vx0 index ${index} type vxlan id ${e.VNI} local 192.0.2.1 dstport 4789 nolearning`)
  expect(lab.driver.link('vx0')).toMatchObject({ index, owned: false })
  await dataplane.verifier.verify()
  await lab.until(() => dataplane.status(e.vxlan).reason?.includes('is not owned by chanter') === true)
  expect(lab.indexOf('vx0')).toBe(index)
})

describe('after a restart with a state that names the owned devices', () => {
  const made: MadeLink[] = [
    { name: 'br0', kind: 'bridge', vni: null, table: null },
    { name: 'vx0', kind: 'vxlan', vni: e.VNI, table: null },
  ]

  async function restart(...changes: string[]): Promise<readonly string[]> {
    await begin({})
    const { programs } = lab.driver
    dataplane.stop()
    for (const change of changes) run(change)
    lab = linuxLab({ former: { programs, links: made } })
    dataplane = lab.restart({})
    for (const entry of everything) dataplane.want(entry)
    const open = await dataplane.settled(everything)
    return open.map(({ status }) => status.reason ?? '')
  }

  test('links that lost their mark meanwhile get it back', async () => {
    expect(await restart('ip link set br0 alias rack-7', 'ip link set vx0 alias rack-7')).toEqual([])
    expect(lab.driver.link('br0')).toMatchObject({ owned: true, alias: 'chanter:net1' })
    expect(lab.driver.link('vx0')).toMatchObject({ owned: true, alias: 'chanter:net1' })
    expect(run('bridge fdb show br br0')).not.toContain('sticky')
  })

  test.each([
    ['VXLAN device', 'vx0', 'ip link add vx0 type vxlan id 7 dstport 4789'],
    ['bridge', 'br0', 'ip link add br0 type bridge'],
  ])(
    'a %s that another program made meanwhile under the name is left alone',
    async (_what, name, command) => {
      const reasons = await restart(`ip link del ${name}`, command)
      expect(reasons).toContainEqual(expect.stringContaining(`${name} exists and is not owned by chanter`))
      expect(lab.driver.link(name)).toMatchObject({ owned: false, alias: null })
    },
  )
})

test('a static entry that an agent had at its port stays its own when ours comes and goes', async () => {
  lab = linuxLab()
  dataplane = lab.restart({})
  lab.addInterface('tap1')
  lab.addBridge('br0')
  lab.enslave('tap1', 'br0')
  run(`bridge fdb replace ${formatMac(e.mac(1))} dev tap1 master static`)
  const before = run('bridge fdb show dev tap1')
  const entries = [{ ...e.bridge, external: true }, { ...e.tapPort, external: true }, e.local(1)]
  for (const entry of entries) dataplane.want(entry)
  expect(await dataplane.settled(entries)).toEqual([])
  dataplane.complete()
  expect(await dataplane.verifier.verify()).toMatchObject({ faults: [] })
  for (const entry of entries) dataplane.unwant(entry)
  await dataplane.gone(entries)
  expect(run('bridge fdb show dev tap1')).toBe(before)
})

function commit(command: string): void {
  for (const each of [...NEXTHOPS, ...command.split(' && ')]) run(each)
}

/** In no order: what is set again comes last. An index and the flags that all VTEPs of a flood list share mean nothing. */
function state(): string {
  return kernelState()
    .replaceAll(/^\d+: /gm, '')
    .replaceAll('state UNKNOWN', 'state UP')
    .replaceAll(/^(00:00:00:00:00:00 .*) self .*$/gm, '$1')
    .split('\n')
    .sort()
    .join('\n')
}

async function becomes(before: string): Promise<void> {
  await eventually('as before', async () =>
    state() === before ? { value: null } : { seen: changes(before) },
  )
}

function changes(before: string): string {
  const lines = new Set(before.split('\n'))
  return state()
    .split('\n')
    .filter((line) => !lines.has(line))
    .join('\n')
}
