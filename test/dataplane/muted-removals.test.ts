import { beforeEach, describe, expect, test } from 'vitest'
import { dataplane, lab, want } from './engine-setup.ts'
import * as e from './entries.ts'

const LIMIT = 1024
const PIECE = 300
/** Pieces of a bulk, the last of which is past the limit. */
const PIECES = Math.ceil((LIMIT + 1) / PIECE)

const macs = (count: number) => Array.from({ length: count }, (_, i) => e.remote(i + 2))
/** Whether removals from the VXLAN device are muted. */
const isMuted = () => lab.driver.kernel.muted.has(e.vxlan.device)

async function remove(entries: readonly ReturnType<typeof e.remote>[]) {
  for (const entry of entries) dataplane.unwant(entry)
  await lab.wait(dataplane.gone(entries))
}

/** Removes pieces of the entries, with a pause before each; returns after which of them removals were muted. */
async function removePieces(entries: readonly ReturnType<typeof e.remote>[], pauseMs: number) {
  const muted: boolean[] = []
  for (let i = 0; i < PIECES; i++) {
    lab.clock.advance(pauseMs)
    await remove(entries.slice(i * PIECE, (i + 1) * PIECE))
    muted.push(isMuted())
  }
  return muted
}

describe('of many entries that are removed in pieces, with a driver that does not count the removals', () => {
  beforeEach(async () => {
    lab.driver.countsRemovals = false
    await want(...e.network)
  })

  test('removals are muted from some number on, until no more come', async () => {
    const all = macs(3000)
    await want(...all)
    const before = Array.from({ length: PIECES - 1 }, () => false)
    expect(await removePieces(all, 20)).toEqual([...before, true])
    lab.clock.advance(90)
    expect(isMuted()).toBe(true)
    lab.clock.advance(110)
    await lab.calm()
    expect(isMuted()).toBe(false)
  })

  test('nothing is muted where the pieces are far apart', async () => {
    const all = macs(3000)
    await want(...all)
    expect(await removePieces(all, 250)).not.toContain(true)
  })

  test('nothing is muted where far more entries would have to be set again', async () => {
    const all = macs(8000)
    await want(...all)
    expect(await removePieces(all, 20)).not.toContain(true)
  })

  test('an entry that another program removes meanwhile is set again soon after', async () => {
    const all = macs(3000)
    await want(...all)
    await removePieces(all, 20)
    expect(isMuted()).toBe(true)
    const other = all.at(-1)!
    lab.forget(other)
    lab.clock.advance(50)
    expect(lab.holds(other)).toBe(false)
    lab.clock.advance(150)
    await lab.calm()
    expect(lab.holds(other)).toBe(true)
  })

  test('the same is true within two seconds, however long it takes', async () => {
    const all = macs(8000)
    await want(...all)
    const other = all.at(-1)!
    await remove(all.slice(0, 2000))
    expect(isMuted()).toBe(true)
    lab.forget(other)
    let ms = 0
    for (let i = 2000; !lab.holds(other) && i < all.length; i += 50, ms += 50) {
      await remove(all.slice(i, i + 50))
      lab.clock.advance(50)
    }
    expect(lab.holds(other)).toBe(true)
    expect(ms).toBeLessThanOrEqual(2200)
  })

  test('a device that is created again meanwhile gets its entries', async () => {
    const all = macs(3000)
    await want(...all)
    await removePieces(all, 20)
    expect(isMuted()).toBe(true)
    const rest = all.slice(PIECES * PIECE)
    lab.deleteLink(e.vxlan.device)
    await lab.calm()
    lab.forget(rest[0]!)
    lab.clock.advance(250)
    await lab.calm()
    expect(rest.filter((entry) => !lab.holds(entry))).toEqual([])
  })
})
