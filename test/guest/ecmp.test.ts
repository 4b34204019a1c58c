import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { LinuxDriverOptions } from '../../src/dataplane/linux/driver.ts'
import type { Ability } from '../../src/dataplane/linux/nexthops.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { formatMac } from '../../src/values/mac.ts'
import { mac } from '../dataplane/entries.ts'
import * as e from '../dataplane/ip-entries.ts'
import { disturbed, Flows, moved, type Paths, shares } from './flows.ts'
import { addNamespaces, addVeth, ip, removeNamespaces, runIn } from './network.ts'
import { ProviderEdge } from './provider-edge.ts'

/** `ce1` sends from `pe1` to what is at each of the other three. */
const SITES = [1, 2, 3, 4] as const
const FAR = [2, 3, 4] as const
const ANYCAST = ['10.0.9.0/24', '10.0.10.0/24'] as const
const FLOWS = ANYCAST.flatMap((prefix) => range(128).map((i) => prefix.replace('0/24', `${i + 1}`)))
const RESILIENCE = { idle: 1, unbalanced: 0 }

let edges: ProviderEdge[]
let near: ProviderEdge
let flows: Flows

beforeAll(async () => {
  addNamespaces('core', ...SITES.flatMap((n) => [`pe${n}`, `ce${n}`]))
  ip('core', 'link add lan up type bridge')
  for (const n of SITES) {
    addVeth([`pe${n}`, 'core0'], ['core', `to${n}`])
    addVeth([`pe${n}`, `ce${n}`], [`ce${n}`, 'eth0'])
    ip('core', `link set to${n} master lan`)
    ip(`pe${n}`, `address add 192.0.2.${n}/24 dev core0`)
    ip(
      `ce${n}`,
      `link set eth0 address ${formatMac(mac(n))}`,
      `address add 10.0.0.${10 + n}/24 dev eth0`,
      'route add default via 10.0.0.1',
      ...(n === 1 ? [] : ANYCAST.map((prefix) => `route add local ${prefix} dev lo`)),
    )
  }
  edges = FAR.map((n) => new ProviderEdge(`pe${n}`))
  for (const [i, n] of FAR.entries()) await edges[i]?.wantInPlace(...attachment(n), e.core)
  flows = new Flows(
    'ce1',
    FAR.map((n) => `ce${n}`),
  )
})

afterEach(() => {
  near.close()
  runIn('pe1', 'ip nexthop flush')
})

afterAll(() => {
  flows.close()
  for (const edge of edges) edge.close()
  removeNamespaces()
})

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function attachment(n: number): Entry[] {
  const [port, address] = [`ce${n}`, `10.0.0.${10 + n}`]
  return [
    e.red,
    e.port(port),
    e.address('10.0.0.1/24', port),
    e.fixed(address, n, port),
    e.route(`${address}/32`, [port]),
    e.label(100 + n, `${port} via ${address}`),
  ]
}

async function startNear(options: Partial<LinuxDriverOptions>): Promise<void> {
  near = new ProviderEdge('pe1', options)
  await near.wantInPlace(...attachment(1), e.core)
}

/** Routes to the sites by these edges, and to as many more prefixes as asked for, which lie between them. */
async function reachBy(sites: readonly number[], more = 0): Promise<void> {
  const hops = sites.map((n) => `core0 via 192.0.2.${n} push ${100 + n}`)
  const others = range(more).map((i) => `10.${100 + Math.floor(i / 256)}.${i % 256}.0/24`)
  const [first, last] = ANYCAST
  await near.wantInPlace(...[first, ...others, last].map((prefix) => e.route(prefix, hops)))
}

/** The paths of all flows, when neighbours are known. */
async function pathsOf(): Promise<Paths> {
  const paths = await flows.send(FLOWS)
  expect(shares(paths)).not.toHaveProperty('null')
  return paths
}

async function warm(): Promise<void> {
  await eventually('all flows arrive', async () => {
    const seen = shares(await flows.send(FLOWS))
    return 'null' in seen ? { seen: JSON.stringify(seen) } : { value: true }
  })
}

const nexthops = z.array(z.object({ id: z.number(), group: z.unknown().optional() }))
const buckets = z.array(z.object({ bucket: z.object({ nhid: z.number() }) }))

function nexthopsHeld() {
  return nexthops.parse(JSON.parse(runIn('pe1', 'ip -j nexthop')))
}

/** The paths when every hop has its share: idle buckets go to a new one. */
async function settledPaths(): Promise<Paths> {
  await eventually('the shares are even', async () => {
    const held = buckets.parse(JSON.parse(runIn('pe1', 'ip -j nexthop bucket')))
    const counts = shares(held.map(({ bucket: { nhid } }) => `${nhid}`))
    const even = Object.keys(counts).length === 3 && Math.min(...Object.values(counts)) >= 42
    return even ? { value: true } : { seen: JSON.stringify(counts) }
  })
  return pathsOf()
}

function report(what: string, before: Paths, after: Paths, edge: string): void {
  const [all, strangers] = [moved(before, after), disturbed(before, after, edge)]
  console.log(
    `${what}: ${all} of ${before.length} flows moved, ${strangers} of them strangers; ${JSON.stringify(shares(after))}`,
  )
}

test.each([
  ['that are few', 0],
  ['that are more than change at a time', 600],
])('an edge leaves and comes back: only its flows move, of prefixes %s', async (_which, more) => {
  await startNear({ resilience: RESILIENCE })
  await reachBy(FAR, more)
  await warm()
  const before = await pathsOf()
  for (const share of Object.values(shares(before))) expect(share).toBeGreaterThan(FLOWS.length / 6)

  await reachBy([2, 3], more)
  const without = await pathsOf()
  report('pe4 left', before, without, 'ce4')
  expect(shares(without)).not.toHaveProperty('ce4')
  expect(disturbed(before, without, 'ce4')).toBe(0)

  await reachBy(FAR, more)
  const again = await settledPaths()
  report('pe4 came back', without, again, 'ce4')
  expect(disturbed(without, again, 'ce4')).toBe(0)
  // buckets without any flow go first
  expect(moved(without, again)).toBeGreaterThan(FLOWS.length / 16)
  expect(moved(without, again)).toBeLessThan(FLOWS.length / 2)
  expect(nexthopsHeld().filter(({ group }) => group !== undefined)).toHaveLength(1)
})

test('a daemon that was killed finds its groups again, and flows keep to their hops', async () => {
  await startNear({ resilience: RESILIENCE })
  await reachBy(FAR)
  await warm()
  const before = await pathsOf()
  const held = nexthopsHeld()
  near.close()
  await startNear({ resilience: RESILIENCE })
  await reachBy(FAR)
  near.complete()
  expect(nexthopsHeld()).toEqual(held)
  await reachBy([2, 4])
  const without = await pathsOf()
  report('pe3 left after a restart', before, without, 'ce3')
  expect(disturbed(before, without, 'ce3')).toBe(0)
})

test.each<Ability>(['groups', 'no groups'])(
  'where the kernel has %s at best, no flow is lost',
  async (ability) => {
    await startNear({ ability })
    await reachBy(FAR)
    await warm()
    const before = await pathsOf()
    await reachBy([2, 3])
    const without = await pathsOf()
    report(`pe4 left, ${ability}`, before, without, 'ce4')
    expect(shares(without)).not.toHaveProperty('ce4')
    await reachBy(FAR)
    expect(Object.keys(shares(await pathsOf()))).toHaveLength(3)
  },
)
