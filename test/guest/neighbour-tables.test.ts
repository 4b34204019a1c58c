import { execFileSync, spawnSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { enterNamespace } from '../../src/lab/namespace.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { run } from '../kernel/namespace.ts'
import { addNamespaces, ip, nameOf, removeNamespaces } from './network.ts'

const ROUND_MS = 500
const LIMIT = 64

let lab: Lab
let dataplane: Reconciler
let leave: () => void
let before: readonly string[]

const thresholds = (['ipv4', 'ipv6'] as const).flatMap((family) =>
  [1, 2, 3].map((n) => `/proc/sys/net/${family}/neigh/default/gc_thresh${n}`),
)

/** The limits are those of the whole kernel, which has them in its first namespace alone. */
function inFirstNamespace(command: string): string {
  return execFileSync('nsenter', ['--target', '1', '--net', 'sh', '-c', command], { encoding: 'utf8' })
}

function setThresholds(values: readonly string[]): void {
  inFirstNamespace(thresholds.map((path, i) => `echo ${values[i]} > ${path}`).join(' && '))
}

beforeEach(() => {
  before = inFirstNamespace(`cat ${thresholds.join(' ')}`)
    .trim()
    .split('\n')
  setThresholds(thresholds.map((path) => String(path.endsWith('3') ? LIMIT : LIMIT / 4)))
  addNamespaces('node', 'other')
  ip('node', 'link add tap1 up type dummy', 'link add tap2 up type dummy')
  ip('other', 'link add tap9 up type dummy')
  leave = enterNamespace(nameOf('node'))
  lab = linuxLab()
  const clock = {
    ...systemClock,
    after: (ms: number, task: () => void) => systemClock.after(Math.min(ms, ROUND_MS), task),
  }
  dataplane = new Reconciler({ clock, driver: lab.driver, events: { emit: () => {} } })
  dataplane.start()
})

afterEach(() => {
  dataplane.stop()
  lab.close()
  leave()
  removeNamespaces()
  setThresholds(before)
})

/** Tries to set more neighbours than the table takes; answers how many the kernel refused for that. */
function fill(node: string, device: string, address: (i: number) => string, how = 'nud reachable'): number {
  const batch = Array.from(
    { length: 2 * LIMIT },
    (_, i) => `neigh replace ${address(i)} lladdr 02:00:00:00:00:01 dev ${device} ${how}\n`,
  )
  const { stderr } = spawnSync('ip', ['-n', nameOf(node), '-force', '-batch', '-'], { input: batch.join('') })
  return stderr.toString().split('No buffer space available').length - 1
}

const refused = async () => (await lab.driver.neighbourTables()).map((table) => table.refused)
const full = () => [...dataplane.neighbourTables.allFull()]
const ipv4 = (i: number) => `10.0.0.${i + 1}`
const ipv6 = (i: number) => `2001:db8::${(i + 1).toString(16)}`

test.each([
  ['ipv4', ipv4],
  ['ipv6', ipv6],
] as const)(
  'a table of %s that refuses neighbours is full, and tap1 has most of it',
  async (family, address) => {
    ip('node', `neigh add ${address(200)} lladdr 02:00:00:00:00:02 dev tap2 nud reachable`)
    await lab.until(() => {
      fill('node', 'tap1', address)
      return full().length > 0
    })
    const [table] = full()
    expect(table).toMatchObject({ family, limit: LIMIT, most: { device: 'tap1' } })
    expect(table!.refused).toBeGreaterThan(0)
    expect(table!.most!.entries).toBeGreaterThan(LIMIT / 2)
    expect(table!.most!.entries).toBeLessThanOrEqual(LIMIT)
    await lab.until(() => full().length === 0)
  },
)

test('a table that another network namespace fills is full here too, and no interface here has most of it', async () => {
  await lab.until(() => {
    fill('other', 'tap9', ipv4)
    return full().length > 0
  })
  expect(full()).toMatchObject([{ family: 'ipv4', limit: LIMIT, most: null }])
})

test.each(['nud permanent', 'nud noarp extern_learn'])('entries that are %s fill no table', async (how) => {
  const before = await refused()
  expect(fill('node', 'tap1', ipv4, how)).toBe(0)
  expect(run('ip neigh show dev tap1 nud all').split('\n').length).toBeGreaterThan(2 * LIMIT)
  expect(await refused()).toEqual(before)
  expect((await lab.driver.neighbourCounts('ipv4')).get('tap1')).toBeUndefined()
})

test('each refusal counts, and entries that the kernel removes to make room do not', async () => {
  const [before = 0] = await refused()
  expect(fill('node', 'tap1', ipv4, 'nud failed')).toBe(0)
  expect(await refused()).toEqual([before, expect.any(Number)])
  const more = fill('node', 'tap1', ipv4)
  expect(more).toBeGreaterThan(0)
  expect(await refused()).toEqual([before + more, expect.any(Number)])
})
