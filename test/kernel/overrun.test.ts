import { afterEach, beforeEach, expect, test } from 'vitest'
import { isOverrun } from '../../src/daemon/overrun.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { stateOf } from '../support/state.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

/** An instance in an agent's bridge, with an attachment. */
const state = stateOf(
  {
    id: 'net1',
    vni: 100,
    devices: { bridge: 'brq0', externalBridge: true, vxlan: 'vxlan--net1', externalVxlan: false },
  },
  { mac: e.mac(1), port: 'tap1' },
)

const VXLAN = 'type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning'

/** Of chanter on the agent's bridge. */
const ours: Entry[] = [
  { ...e.bridge, device: 'brq0', external: true },
  e.local(1, 'tap1'),
  { ...e.neighbour('10.0.0.2', 2), device: 'brq0' },
]

let lab: Lab

beforeEach(async () => {
  enterOwnNamespace()
  lab = linuxLab()
  run('ip link add brq0 up type bridge')
  run('ip link add tap1 up type veth peer name vm1')
  run('ip link set vm1 up')
  run('ip link set tap1 master brq0')
  const reconciler = lab.restart()
  for (const entry of ours) reconciler.want(entry)
  expect(await reconciler.settled(ours)).toEqual([])
  reconciler.stop()
  run('ip neigh replace 10.0.0.77 lladdr 02:00:00:00:77:01 dev brq0 nud permanent')
  expect(left()).toEqual(ALL)
})

afterEach(() => lab.close())

const ALL = [true, true, true]
const overrun = () => isOverrun(state)

/** Whether each of `ours` is in the kernel. */
function left(): boolean[] {
  return [
    /\bxdp/.test(run('ip link show brq0')),
    run('bridge fdb show dev tap1').includes('extern_learn'),
    run('ip neigh show nud all dev brq0').includes('10.0.0.2 '),
  ]
}

test('a state is overrun where the VXLAN devices are those of bagpipe-bgp, and what it names on bridges of agents is removed', async () => {
  run(`ip link add vxlan--net2 up ${VXLAN} proxy`)
  expect(await overrun()).toBe(true)
  expect(left()).toEqual([false, false, false])
  expect(run('ip neigh show nud all dev brq0')).toContain('10.0.0.77 ')
  expect(run('ip link show tap1')).toMatch(/,UP[,>].* master brq0 /)
})

const OWNED = [`ip link add vxlan--net1 up ${VXLAN}`, 'ip link set vxlan--net1 alias chanter:net1']

test.each([
  ['none is there', []],
  ['one has the mark of chanter', OWNED],
  ['one of chanter has lost its mark', OWNED.slice(0, 1)],
  [
    'one of chanter is beside one of bagpipe-bgp',
    [...OWNED, `ip link add vxlan--net2 up ${VXLAN.replace('100', '200')} proxy`],
  ],
])('it is not where %s, and nothing is removed', async (_, commands) => {
  for (const command of commands) run(command)
  expect(await overrun()).toBe(false)
  expect(left()).toEqual(ALL)
})
