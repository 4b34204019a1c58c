import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { LinuxDriverOptions } from '../../src/dataplane/linux/driver.ts'
import { ownedObjects } from '../../src/dataplane/linux/ownership.ts'
import type { Entry, VrfRoute } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/ip-entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { enterOwnNamespace, run } from '../kernel/namespace.ts'

enterOwnNamespace()

const FIRST_ID = 0x13_00_00_00
const HOPS = ['core0 via 192.0.2.2 push 102', 'core1 via 192.0.2.3 push 103', 'core1 via 192.0.2.4 push 104']
const [A, B, C] = HOPS as [string, string, string]
const PREFIX = '10.1.0.0/16'

const nexthops = z.array(
  z.object({
    id: z.number(),
    protocol: z.string().optional(),
    group: z.array(z.object({ id: z.number(), weight: z.number().optional() })).optional(),
    type: z.string().optional(),
    dev: z.string().optional(),
  }),
)

let lab: Lab
let dataplane: Reconciler

function start(options: Partial<LinuxDriverOptions> = {}): void {
  lab = linuxLab(options)
  dataplane = lab.restart()
  lab.addUp('tap1', 'core0', 'core1')
}

function held() {
  return nexthops.parse(JSON.parse(run('ip -j nexthop')))
}

function groups() {
  return held().filter(({ group }) => group !== undefined)
}

async function wantInPlace(...entries: Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  expect(await dataplane.settled(entries)).toEqual([])
  expect(entries.filter((entry) => !lab.holds(entry))).toEqual([])
}

function inPlaceAgain(...routes: VrfRoute[]): Promise<void> {
  return lab.until(() => routes.every((route) => lab.holds(route)))
}

describe('groups of nexthops', () => {
  beforeEach(() => start())

  afterEach(() => {
    run('ip nexthop flush')
    lab.close()
  })

  test('routes with the same hops share a group, and groups their nexthops; unused ones are deleted', async () => {
    const two = [e.route(PREFIX, HOPS), e.route('10.2.0.0/16', HOPS, e.blue)]
    const other = e.route('10.3.0.0/16', [A, B])
    await wantInPlace(e.red, e.blue, ...two, other)
    expect(groups().map(({ group, type }) => [group?.length, type])).toEqual([
      [3, 'resilient'],
      [2, 'resilient'],
    ])
    expect(held()).toHaveLength(5)
    expect(held().every(({ id, protocol }) => id >= FIRST_ID && protocol === '19')).toBe(true)
    for (const route of two) dataplane.unwant(route)
    await lab.wait(dataplane.gone(two))
    expect(groups()).toHaveLength(1)
    expect(held()).toHaveLength(3)
    dataplane.unwant(other)
    dataplane.unwant(e.red)
    await lab.wait(dataplane.gone([other, e.red]))
    expect(held()).toEqual([])
  })

  test('a group keeps its identity when hops come and go, and also with one hop left', async () => {
    await wantInPlace(e.red, e.route(PREFIX, HOPS))
    const [before] = groups()
    for (const hops of [[A, C], [C], [A, B, C], [`${C} weight 3`, A]]) {
      await wantInPlace(e.route(PREFIX, hops))
      expect(groups().map(({ id }) => id)).toEqual([before?.id])
      expect(held()).toHaveLength(hops.length + 1)
    }
  })

  test('a route that leaves others behind does not touch their group', async () => {
    const others = ['10.2.0.0/16', '10.3.0.0/16'].map((prefix) => e.route(prefix, HOPS))
    await wantInPlace(e.red, e.route(PREFIX, HOPS), ...others)
    await wantInPlace(e.route(PREFIX, [A, B]))
    expect(others.filter((route) => !lab.holds(route))).toEqual([])
    expect(groups()).toHaveLength(2)
  })

  test.each([
    ['deleted the group', () => run(`ip nexthop del id ${groups()[0]?.id}`)],
    ['deleted a hop', () => run(`ip nexthop del id ${FIRST_ID + 2}`)],
    ['deleted all', () => run('ip nexthop flush')],
    [
      'changed the group',
      () => run(`ip nexthop replace id ${groups()[0]?.id} group ${FIRST_ID + 2} type resilient`),
    ],
    [
      'changed a hop',
      () => run(`ip nexthop replace id ${FIRST_ID + 2} via 192.0.2.99 dev core0 onlink protocol 19`),
    ],
  ])('a route is repaired when another program %s', async (_what, meddle) => {
    const routes = [
      e.route(PREFIX, HOPS),
      e.route('2001:db8:1::/48', ['core0 push 1', 'core1 via 2001:db8:c::2 push 2']),
    ]
    await wantInPlace(e.red, ...routes)
    meddle()
    await inPlaceAgain(...routes)
    await lab.until(() => dataplane.statuses.counts().programmed === 3)
  })

  test('an external id of our range is skipped, and external objects stay when ours change', async () => {
    const theirs = [FIRST_ID, FIRST_ID + 3, FIRST_ID + 5]
    for (const id of theirs) run(`ip nexthop add id ${id} via 192.0.2.77 dev core0 onlink protocol static`)
    run('ip nexthop add id 7 via 192.0.2.78 dev core0 onlink protocol 19')
    const before = held()
    await wantInPlace(e.red, e.route(PREFIX, HOPS), e.route('10.2.0.0/16', [A, B]))
    dataplane.stop()
    const places = { bridges: [], vxlans: [], localMacs: [] }
    for (const { what, remove } of await ownedObjects(lab.driver, places))
      expect(await remove(), what).toBeNull()
    expect(held()).toEqual(before)
  })

  test('an external group with the id of ours stays', async () => {
    await wantInPlace(e.red, e.route(PREFIX, HOPS))
    const [ours] = groups()
    run(`ip nexthop del id ${ours?.id}`)
    run(`ip nexthop add id ${ours?.id} via 192.0.2.77 dev core0 onlink protocol static`)
    await inPlaceAgain(e.route(PREFIX, HOPS))
    await wantInPlace(e.route(PREFIX, [A, B]))
    expect(held().find(({ id }) => id === ours?.id)).toMatchObject({ protocol: 'static' })
  })

  test('unused groups of a killed daemon go when the desired state is complete, used ones stay', async () => {
    const [kept, stale] = [e.route(PREFIX, HOPS), e.route('10.2.0.0/16', [A, C])]
    await wantInPlace(e.red, e.blue, kept, stale, e.route('10.9.0.0/16', [B, C], e.blue))
    run(`ip nexthop add id ${FIRST_ID + 100} via 192.0.2.50 dev core0 onlink protocol 19`)
    run(`ip nexthop add id ${FIRST_ID + 101} group ${FIRST_ID + 100} type resilient buckets 8 protocol 19`)
    const before = held()
    dataplane = lab.restart()
    await wantInPlace(e.red, kept)
    await lab.calm()
    expect(held()).toEqual(before)
    dataplane.complete()
    await lab.until(() => !lab.holds(stale) && groups().length === 2)
    await lab.calm()
    // the table of a VRF that is not desired is left alone
    expect([kept, e.route('10.9.0.0/16', [B, C], e.blue)].filter((route) => !lab.holds(route))).toEqual([])
    expect(held()).toHaveLength(5)
  })

  test('a hop without a carrier is left out until it has one', async () => {
    run('ip link add core2 up type veth peer name far2')
    run('ip link set far2 up')
    const route = e.route(PREFIX, [A, 'core2 via 192.0.2.5 push 105'])
    await lab.until(() => lab.driver.link('core2') !== undefined)
    dataplane.want(e.red)
    dataplane.want(route)
    await inPlaceAgain(route)
    const [before] = groups()
    run('ip link set far2 down')
    await lab.until(() => dataplane.status(route).state === 'failed')
    expect(lab.holds(e.route(PREFIX, [A]))).toBe(true)
    run('ip link set far2 up')
    await inPlaceAgain(route)
    expect(groups().map(({ id }) => id)).toEqual([before?.id])
  })

  test('more hops than one inline route may have', async () => {
    const many = Array.from({ length: 300 }, (_, i) => `core0 via 192.0.2.2 push ${1000 + i}`)
    await wantInPlace(e.red, e.route(PREFIX, many))
    await wantInPlace(e.route(PREFIX, many.slice(100)))
    expect(groups()).toHaveLength(1)
  })

  test('10,000 prefixes of three hops share one group', async () => {
    const routes = Array.from({ length: 10_000 }, (_, i) => e.route(`10.${i >> 8}.${i & 255}.0/24`, HOPS))
    const changed = routes.map(({ hops, ...route }) => ({ ...route, hops: hops.slice(0, 2) }))
    dataplane.want(e.red)
    const free = () => Number(/MemFree:\s+(\d+)/.exec(run('cat /proc/meminfo'))?.[1])
    const memory = free()
    for (const [what, entries] of [
      ['set', routes],
      ['without one hop', changed],
    ] as const) {
      const began = performance.now()
      for (const entry of entries) dataplane.want(entry)
      expect(await dataplane.settled(entries)).toEqual([])
      console.log(
        `10,000 prefixes ${what}: ${Math.round(performance.now() - began)} ms, ${memory - free()} KiB less memory`,
      )
      await lab.calm()
      expect(groups()).toHaveLength(1)
    }
  })
})

describe.each(['groups', 'no groups'] as const)('a kernel that has %s at best', (ability) => {
  beforeEach(() => start({ ability }))

  afterEach(() => {
    run('ip nexthop flush')
    lab.close()
  })

  const routes = [
    e.route(PREFIX, HOPS),
    e.route('10.2.0.0/16', [`${A} weight 3`, 'tap1', B]),
    e.route('2001:db8:1::/48', ['core0 push 1', 'core1 via 2001:db8:c::2 push 2']),
  ]

  const vrf = [e.red, e.unreachable('0.0.0.0/0'), e.unreachable('::/0')]

  test('has routes of several hops, which change, heal, are adopted and go', async () => {
    await wantInPlace(...vrf, ...routes)
    const ofNexthops = ability === 'groups'
    expect(groups().map(({ type }) => type)).toEqual(ofNexthops ? [undefined, undefined, undefined] : [])
    for (const hops of [[B, A], [A], HOPS]) await wantInPlace(e.route(PREFIX, hops))
    lab.setDown('core0')
    await lab.until(() => dataplane.statuses.counts().failed === routes.length)
    lab.setUp('core0')
    await inPlaceAgain(...routes)
    await lab.until(() => dataplane.statuses.counts().failed === 0)
    const deletions = await lab.deletions()
    dataplane = lab.restart()
    await wantInPlace(...vrf, ...routes)
    dataplane.complete()
    await lab.calm()
    expect(await deletions()).toEqual([])
    for (const entry of [...routes, ...vrf]) dataplane.unwant(entry)
    await lab.wait(dataplane.gone([...routes, ...vrf]))
    expect(held()).toEqual([])
  })

  test('has routes whose hops are not all there', async () => {
    const route = e.route(PREFIX, [A, 'core9 via 192.0.2.9 push 109'])
    dataplane.want(e.red)
    dataplane.want(route)
    await inPlaceAgain(e.route(PREFIX, [A]))
    expect(dataplane.status(route)).toMatchObject({ state: 'failed' })
    lab.addUp('core9')
    await inPlaceAgain(route)
  })
})

test('after an upgrade to a kernel with groups, routes without are adopted, and get one when they change', async () => {
  start({ ability: 'no groups' })
  await wantInPlace(e.red, e.route(PREFIX, HOPS))
  dataplane.stop()
  const before = lab
  start()
  await wantInPlace(e.red, e.route(PREFIX, HOPS))
  dataplane.complete()
  await lab.calm()
  expect(held()).toEqual([])
  await wantInPlace(e.route(PREFIX, [A, C]))
  expect(groups()).toHaveLength(1)
  lab.close()
  before.close()
})
