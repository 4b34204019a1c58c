import { beforeEach, expect, test, vi } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import * as e from './entries.ts'
import * as ipEntries from './ip-entries.ts'
import { lateLab, type MemoryLab, memoryLab } from './memory-lab.ts'

const MINUTE_MS = 60_000
const HERE = '192.0.2.1'
const LOST = '192.0.2.2'

let lab: MemoryLab
let dataplane: Reconciler

beforeEach(() => begin(memoryLab()))

function begin(with_: MemoryLab): void {
  lab = with_
  dataplane = lab.restart()
  lab.addInterface('tap1')
  for (const entry of [...e.network, e.flood(LOST), e.flood('192.0.2.3')]) dataplane.want(entry)
}

const dropped = (vtep: string, reason: string) => lab.driver.kernel.dropped.set(e.ip(vtep), reason)
const gaps = async () => dataplane.vxlanGaps()

test('a VTEP without a path is reported within a minute, until it has one', async () => {
  lab.clock.advance(MINUTE_MS)
  expect(await gaps()).toEqual([])
  dropped(LOST, 'a blackhole route')
  lab.clock.advance(MINUTE_MS)
  expect(await gaps()).toEqual([
    `VTEPs that packets of this node do not reach: ${LOST} (a blackhole route): mend the routes (ip route get ${LOST} from ${HERE})`,
  ])
  lab.driver.kernel.dropped.clear()
  expect(await gaps()).toEqual([])
})

test('of many one is named, and they are looked up some at a time', async () => {
  const asked = vi.spyOn(lab.driver, 'withoutPath')
  for (let i = 0; i < 1000; i++) {
    const vtep = `198.18.${i >> 8}.${i & 255}`
    dataplane.want(e.flood(vtep))
    dropped(vtep, 'no route')
  }
  lab.clock.advance(MINUTE_MS)
  expect(Math.max(...asked.mock.calls.map(([vteps]) => vteps.length))).toBeLessThan(200)
  expect(await gaps()).toEqual([expect.stringMatching(/ \(no route\) and 999 more: mend/)])
})

test('a provider edge without a path is reported, as long as it has a tunnel', async () => {
  const others = { ...ipEntries.gre, device: 'mpls---2', remote: e.ip('192.0.2.9') }
  for (const entry of [ipEntries.gre, others]) dataplane.want(entry)
  dropped('192.0.2.9', 'no route')
  lab.clock.advance(MINUTE_MS)
  expect(await gaps()).toEqual([
    'provider edges that packets of this node do not reach: 192.0.2.9 (no route): mend the routes (ip route get 192.0.2.9 from 192.0.2.1)',
  ])
  dataplane.unwant(others)
  expect(await gaps()).toEqual([])
})

test('one that gets no frames any more is not reported', async () => {
  dropped(LOST, 'no route')
  lab.clock.advance(MINUTE_MS)
  dataplane.unwant(e.flood(LOST))
  expect(await gaps()).toEqual([])
})

test('a lookup whose answer is lost says nothing, and is repeated', async () => {
  const late = lateLab()
  begin(late)
  dropped(LOST, 'no route')
  const lateGaps = async () => {
    const answer = dataplane.vxlanGaps()
    await late.clock.run(1000)
    return answer
  }
  await late.clock.run(MINUTE_MS - 1)
  await late.asked('withoutPath')
  late.late.disconnect()
  await late.clock.run(1000)
  expect(await lateGaps()).toEqual([])
  await late.clock.run(MINUTE_MS)
  expect(await lateGaps()).toEqual([expect.stringContaining(LOST)])
})

test('after a stop nothing is looked up', async () => {
  const asked = vi.spyOn(lab.driver, 'withoutPath')
  lab.clock.advance(MINUTE_MS)
  const before = asked.mock.calls.length
  expect(before).toBeGreaterThan(0)
  dataplane.stop()
  lab.clock.advance(10 * MINUTE_MS)
  expect(asked).toHaveBeenCalledTimes(before)
})
