import { describe, expect, test } from 'vitest'
import { dataplane, everything, lab, want } from './engine-setup.ts'
import * as e from './entries.ts'

describe('a program that changes the same entry over and over', () => {
  test('is answered at once first, then ever more slowly', async () => {
    await want(...everything)
    const heals: number[] = []
    for (let i = 0; i < 6; i++) {
      const from = lab.clock.now()
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
      heals.push(lab.clock.now() - from)
    }
    expect(heals).toEqual([0, 100, 200, 400, 800, 1600])
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 8 })
  })

  test('is forgotten after a quiet minute', async () => {
    await want(...everything)
    for (let i = 0; i < 3; i++) {
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
    }
    lab.clock.advance(61_000)
    const from = lab.clock.now()
    lab.forget(e.remote(2))
    await lab.until(() => lab.holds(e.remote(2)))
    expect(lab.clock.now()).toBe(from)
  })

  test('does not slow down the healing of other entries', async () => {
    await want(...everything, e.remote(3))
    for (let i = 0; i < 5; i++) {
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
    }
    const from = lab.clock.now()
    lab.forget(e.remote(3))
    await lab.until(() => lab.holds(e.remote(3)))
    expect(lab.clock.now()).toBe(from)
  })

  test('is reported as failed when that has gone on for long', async () => {
    await want(...everything)
    for (let i = 0; i < 5; i++) {
      lab.forget(e.remote(2))
      await lab.until(() => lab.holds(e.remote(2)))
    }
    expect([...dataplane.statuses.failures()]).toEqual([])
    lab.forget(e.remote(2))
    lab.clock.advance(100)
    expect([...dataplane.statuses.failures()]).toMatchObject([
      {
        entry: e.remote(2),
        status: { attempts: 6, reason: expect.stringContaining('another program changed') },
      },
    ])
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 7, pending: 0, failed: 1 })
    await lab.until(() => lab.holds(e.remote(2)))
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 8 })
  })

  test('has its own entry removed ever more slowly, too, and reported', async () => {
    await want(...everything)
    dataplane.complete()
    const stays: number[] = []
    for (let i = 0; i < 6; i++) {
      const from = lab.clock.now()
      lab.overwrite(e.remote(77), true)
      await lab.until(() => !lab.holds(e.remote(77)))
      stays.push(lab.clock.now() - from)
    }
    expect(stays).toEqual([0, 100, 200, 400, 800, 1600])
    expect(dataplane.drift.summary().worst).toMatchObject({ entry: { mac: e.mac(77) }, changes: 6 })
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 8, failed: 0 })
    expect(dataplane.statuses.waitingSince()).toBeNull()
  })

  test.each([
    ['another MAC address', (i: number) => lab.driver.kernel.changeLink('br0', { mac: e.mac(100 - i) })],
    ['a moment without carrier', () => lab.setDown('br0')],
  ])('is not who has a device lose its entries, by %s', async (_what, happens) => {
    await want(...everything)
    const entry = e.neighbour('10.0.0.2', 2)
    for (let i = 0; i < 12; i++) {
      lab.forget(entry)
      happens(i)
      const from = lab.clock.now()
      await lab.until(() => lab.holds(entry))
      expect(lab.clock.now() - from).toBeLessThanOrEqual(100)
      await lab.until(() => lab.holds(e.bridge))
    }
  })

  test('shows as pending meanwhile', async () => {
    await want(...everything)
    lab.forget(e.remote(2))
    await lab.until(() => lab.holds(e.remote(2)))
    lab.forget(e.remote(2))
    const since = lab.clock.epoch()
    lab.clock.advance(50)
    expect(dataplane.status(e.remote(2))).toEqual({
      state: 'pending',
      reason: 'changed by another program',
      code: 'DRIFTED',
      errno: null,
      attempts: 0,
      since,
      nextTry: since + 100,
    })
    expect(dataplane.statuses.waitingSince()).toBe(since)
    expect(dataplane.statuses.counts()).toMatchObject({ programmed: 7, pending: 1 })
  })
})
