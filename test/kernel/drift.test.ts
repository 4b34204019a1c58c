import { afterEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import type { Reconciler } from '../../src/dataplane/reconciler.ts'
import { dataplaneView } from '../../src/dataplane/view.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { showVerification } from '../../src/rest/status-entries.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { NO_FAULTS } from '../support/node.ts'
import { kernelState } from './kernel-node.ts'
import { linuxLab } from './linux-lab.ts'
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
  lab = linuxLab()
  dataplane = lab.restart(options)
  lab.addInterface('tap1')
  for (const entry of everything) dataplane.want(entry)
  expect(await dataplane.settled(everything)).toEqual([])
  dataplane.complete()
}

afterEach(() => {
  lab.close()
  run('ip nexthop flush')
})

const MAC = formatMac(e.mac(2))
const NEXTHOPS = ['ip nexthop add id 8 via 192.0.2.7 fdb', 'ip nexthop add id 9 group 8 fdb']
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
  ['link: alias', 'ip link set vx0 alias customer-4711'],
  ['link: name', 'ip link set vx0 name elsewhere'],
  ['link: name and alias', 'ip link set vx0 name elsewhere && ip link set elsewhere alias customer-4711'],
  ['link: alias and name', 'ip link set br0 alias customer-4711 && ip link set br0 name elsewhere'],
  ['flood: another VTEP', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.99 self static extern_learn`],
  ['flood: port', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.2 port 5555 self static extern_learn`],
  ['flood: via', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.2 via lo self static extern_learn`],
  ['flood: vni', `bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.2 vni 7 self static extern_learn`],
]

describe('found by a comparison', () => {
  test.each(CHANGES)('%s: told and repaired', async (_what, command) => {
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
  test.each(CHANGES.filter(([what]) => !what.startsWith('flood')))('%s: repaired', async (_what, command) => {
    await begin({})
    const before = state()
    commit(command)
    await becomes(before)
  })
})

function commit(command: string): void {
  for (const each of [...NEXTHOPS, ...command.split(' && ')]) run(each)
}

/** In no order: what is set again comes last. */
function state(): string {
  return kernelState().split('\n').sort().join('\n')
}

async function becomes(before: string): Promise<void> {
  await eventually(
    'as before',
    async () => (state() === before ? { value: null } : { seen: changes(before) }),
    3,
  )
}

function changes(before: string): string {
  const lines = new Set(before.split('\n'))
  return state()
    .split('\n')
    .filter((line) => !lines.has(line))
    .join('\n')
}
