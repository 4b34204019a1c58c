import { beforeEach, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from './entries.ts'
import { type LateLab, lateLab } from './memory-lab.ts'

/** From each request to its answer. */
const ANSWER_MS = 40

let lab: LateLab
let dataplane: Reconciler

beforeEach(() => {
  lab = lateLab(() => 0.5)
  dataplane = lab.restart()
  lab.addInterface('tap1')
})

/** Milliseconds until these are programmed. */
async function programming(entries: readonly Entry[]): Promise<number> {
  const from = lab.clock.now()
  for (const entry of entries) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(entries))).toEqual([])
  return lab.clock.now() - from
}

const many = Array.from({ length: 60 }, (_, i) => e.networkOf(100 + i)).flat()

test('60 networks are made and adopted in about the time of one', async () => {
  const one = await programming(e.networkOf(1))
  expect(await programming(many)).toBeLessThanOrEqual(one + ANSWER_MS)
  dataplane = lab.restart()
  expect(await programming(many)).toBeLessThanOrEqual(one + 2 * ANSWER_MS)
})

test('changes of 200 interfaces are repaired in about the time of one', async () => {
  const bridges = Array.from({ length: 200 }, (_, i) => e.networkOf(100 + i)[0])
  await programming(bridges)
  await lab.calm()
  async function repairing(some: typeof bridges): Promise<number> {
    const from = lab.clock.now()
    for (const { device } of some) lab.setAlias(device, 'chanter:other')
    await lab.until(() => some.every((bridge) => lab.holds(bridge)))
    await lab.calm()
    return lab.clock.now() - from
  }
  await repairing(bridges) // from the first late answer on, more are handled at once
  const one = await repairing(bridges.slice(0, 1))
  expect(await repairing(bridges.slice(1))).toBeLessThanOrEqual(one + ANSWER_MS)
})

test('an entry waits for one answer at most to a bulk removal on another device', async () => {
  const bulk = Array.from({ length: 6000 }, (_, i) => e.remote(1000 + i))
  const [bridge, vxlan, port] = e.networkOf(2)
  await programming([...e.network, bridge, vxlan, port, ...bulk])
  for (const entry of bulk) dataplane.unwant(entry)
  await lab.clock.run(5.5 * ANSWER_MS)
  expect(await programming([{ ...e.remote(2), device: vxlan.device }])).toBeLessThanOrEqual(2 * ANSWER_MS)
  expect(dataplane.statuses.removing().count).toBeGreaterThan(1000)
})
