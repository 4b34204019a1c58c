import { beforeEach, describe, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { RemoteMac } from '../../src/dataplane/model.ts'
import { kernelRefusal } from '../../src/dataplane/refusal.ts'
import { dataplane, lab, reported, want } from './engine-setup.ts'
import * as e from './entries.ts'
import type { Lab } from './lab.ts'
import { lateLab } from './memory-lab.ts'

const EPERM = 1
/** Far more than have to leave at once to be muted. */
const PIECE = 300
const ALL = 8000
/** So long no burst needs to be for anything. */
const LONG_MS = 6000
const SOON_MS = 200
/** Less than the pause that ends a burst. */
const PAUSE_MS = 50

const macs = Array.from({ length: ALL }, (_, i) => e.remote(i + 2))
const other = macs.at(-1)!
const isMuted = () => lab.driver.kernel.muted.has(e.vxlan.device)
const sets = () => reported.filter((line) => line.startsWith('set'))

async function remove(entries: readonly RemoteMac[], from: Reconciler = dataplane, its: Lab = lab) {
  for (const entry of entries) from.unwant(entry)
  await its.wait(from.gone(entries))
}

/** Removes an entry every 50 ms as long as a condition holds, at most so long; returns how long it did. */
async function removeWhile(condition: () => boolean, mostMs: number): Promise<number> {
  let ms = 0
  for (let i = PIECE; condition() && ms < mostMs; i++, ms += PAUSE_MS) {
    await remove(macs.slice(i, i + 1))
    lab.clock.advance(PAUSE_MS)
  }
  return ms
}

/** Lets the burst end, and what follows from it. */
async function end(): Promise<void> {
  lab.clock.advance(SOON_MS)
  await lab.calm()
}

describe('of many entries that are removed, with a driver that counts the removals', () => {
  beforeEach(async () => {
    await want(...e.network, ...macs)
    reported.length = 0
  })

  test('removals are muted however many entries remain, and none of these is set again', async () => {
    await remove(macs.slice(0, PIECE))
    expect(isMuted()).toBe(true)
    await end()
    expect(isMuted()).toBe(false)
    expect(sets()).toEqual([])
  })

  test('an entry that another program removes meanwhile is set again soon after', async () => {
    await remove(macs.slice(0, PIECE))
    lab.forget(other)
    lab.clock.advance(PAUSE_MS)
    expect(lab.holds(other)).toBe(false)
    await end()
    expect(lab.holds(other)).toBe(true)
  })

  test('one that it removes after that is seen at once', async () => {
    await remove(macs.slice(0, PIECE))
    await end()
    lab.forget(other)
    await lab.calm()
    expect(sets()).toHaveLength(1)
    expect(lab.holds(other)).toBe(true)
  })

  test('nothing is read or set again however long it takes', async () => {
    await remove(macs.slice(0, PIECE))
    expect(await removeWhile(isMuted, LONG_MS)).toBe(LONG_MS)
    await end()
    expect(sets()).toEqual([])
  })

  test('an entry that another program removes is set again soon, however long it takes', async () => {
    await remove(macs.slice(0, PIECE))
    lab.forget(other)
    expect(await removeWhile(() => !lab.holds(other), LONG_MS)).toBeLessThanOrEqual(SOON_MS)
  })

  test('a removal that is refused leads to no sets, but to another try', async () => {
    lab.driver.fail((op) => op === 'remove', kernelRefusal(EPERM))
    await remove(macs.slice(0, PIECE))
    await end()
    expect(sets()).toEqual([])
    expect(macs.slice(0, PIECE).filter((entry) => lab.holds(entry))).toEqual([])
  })

  test('an entry that another program removes beside one is set again', async () => {
    lab.driver.fail((op) => op === 'remove', kernelRefusal(EPERM))
    await remove(macs.slice(0, PIECE))
    lab.forget(other)
    await end()
    expect(lab.holds(other)).toBe(true)
  })

  test('entries that never were in the kernel lead to no sets', async () => {
    const fleeting = Array.from({ length: PIECE }, (_, i) => e.remote(ALL + i + 2))
    for (const entry of fleeting) dataplane.want(entry)
    await remove([...fleeting, ...macs.slice(0, PIECE)])
    expect(isMuted()).toBe(true)
    await end()
    expect(sets()).toEqual([])
  })

  test('after another program removed one, removals are read for a minute where many entries would have to be set again', async () => {
    await remove(macs.slice(0, PIECE))
    lab.forget(other)
    await end()
    await remove(macs.slice(PIECE, 2 * PIECE))
    expect(isMuted()).toBe(false)
    lab.clock.advance(60_000)
    await end()
    await remove(macs.slice(2 * PIECE, 3 * PIECE))
    expect(isMuted()).toBe(true)
  })
})

test('with a driver that answers late, an entry that another program removes meanwhile is set again', async () => {
  const late = lateLab()
  late.addInterface('tap1')
  const engine = late.restart()
  const few = macs.slice(0, 3 * PIECE)
  const last = few.at(-1)!
  for (const entry of [...e.network, ...few]) engine.want(entry)
  await late.wait(engine.settled(few))
  await remove(few.slice(0, 2 * PIECE), engine, late)
  expect(late.driver.kernel.muted.has(e.vxlan.device)).toBe(true)
  late.forget(last)
  await late.until(() => late.holds(last))
  late.close()
})
