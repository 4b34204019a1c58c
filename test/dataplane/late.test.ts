import { beforeEach, describe, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry, EntryStatus } from '../../src/dataplane/model.ts'
import type { DataplaneEvent } from '../../src/events/event.ts'
import { refusal } from '../support/refusal.ts'
import * as e from './entries.ts'
import { type LateLab, lateLab, memoryLab } from './memory-lab.ts'

/** Each request is carried out after this time, and answered after as long again. */
const HALF_MS = 20
/** A request is under way that has not been carried out. */
const ASKED_MS = HALF_MS / 2
/** A request has been carried out and is not answered. */
const DONE_MS = HALF_MS + ASKED_MS

let lab: LateLab
let dataplane: Reconciler
let events: DataplaneEvent[]

const busy = refusal('EBUSY', 'try later')

beforeEach(async () => {
  events = []
  lab = lateLab(() => 0.5)
  dataplane = lab.restart({ events: { emit: (event) => events.push(event as DataplaneEvent) } })
  lab.addInterface('tap1')
  await want(...e.network)
  await lab.calm()
  events.length = 0
})

async function want(...entries: readonly Entry[]): Promise<readonly EntryStatus[]> {
  for (const entry of entries) dataplane.want(entry)
  return lab.wait(dataplane.settled(entries))
}

function happened(type: DataplaneEvent['type']): readonly DataplaneEvent[] {
  return events.filter((event) => event.type === type)
}

function expectCalm(...entries: readonly Entry[]): void {
  for (const entry of entries) expect(lab.holds(entry), identity(entry)).toBe(true)
  expect([...dataplane.statuses.failures()]).toEqual([])
  expect(dataplane.statuses.counts()).toMatchObject({ pending: 0, failed: 0 })
  expect(lab.late.mostBatches).toBeLessThanOrEqual(1)
}

test('a link that is released while an answer is lost does not count as failed', async () => {
  for (let ms = 0; ms < 400; ms += HALF_MS / 2) {
    dataplane = lab.restart()
    for (const entry of e.network) dataplane.want(entry)
    await lab.clock.run(ms)
    lab.late.disconnect()
    dataplane.release(e.vxlan)
    await lab.clock.run(200_000)
    expect(dataplane.statuses.unremovedCount(), `after ${ms} ms`).toBe(0)
  }
})

test('what is released at any moment of its adoption stays as it was', async () => {
  const adopted = [...e.network, e.local(1), e.remote(2)]
  await want(...adopted)
  const indexes = () => ['br0', 'vx0'].map((name) => lab.indexOf(name))
  const before = indexes()
  for (let ms = 0; ms < 400; ms += HALF_MS / 2) {
    dataplane = lab.restart()
    dataplane.complete()
    for (const entry of [...adopted, { ...e.tapPort, device: 'nope' }]) dataplane.want(entry)
    await lab.clock.run(ms)
    for (const entry of adopted) dataplane.release(entry)
    await lab.clock.run(200_000)
    expect(indexes(), `after ${ms} ms`).toEqual(before)
    expect(await lab.wait(dataplane.staleDevices(adopted))).toEqual(['br0', 'vx0', 'tap1'])
    for (const entry of adopted) expect(lab.holds(entry), `${identity(entry)}, after ${ms} ms`).toBe(true)
  }
})

describe('while an entry is being set', () => {
  const entry = e.remote(2)
  const other = e.remote(2, '192.0.2.99')

  beforeEach(() => dataplane.want(entry))

  test('it is pending, and settled when the kernel has answered', async () => {
    await lab.clock.run(ASKED_MS)
    expect(dataplane.status(entry).state).toBe('pending')
    let settledAt: number | undefined
    void dataplane.settled([entry]).then(() => {
      settledAt = lab.clock.now()
    })
    const asked = lab.clock.now()
    await lab.clock.run(HALF_MS / 4)
    expect(settledAt).toBeUndefined()
    expect(dataplane.statuses.counts()).toMatchObject({ wanted: 5, pending: 1 })
    await lab.clock.run(100)
    expect(settledAt).toBe(asked - ASKED_MS + 2 * HALF_MS)
    expectCalm(entry)
  })

  test.each([ASKED_MS, DONE_MS])('another value is set after it, and is no drift: %i ms', async (ms) => {
    await lab.clock.run(ms)
    await want(other)
    expect(lab.holds(other)).toBe(true)
    await lab.calm()
    expectCalm(other)
    expect(dataplane.drift.summary().count).toBe(0)
  })

  test('a refusal of a value that is not wanted any more is none', async () => {
    lab.driver.fail((_, { kind }) => kind === 'remote-mac', busy)
    await lab.clock.run(ASKED_MS)
    expect(await want(other)).toEqual([])
    expect(happened('entry-failed')).toEqual([])
    expectCalm(other)
  })

  test.each([ASKED_MS, DONE_MS])('it is removed where it is unwanted: %i ms', async (ms) => {
    await lab.clock.run(ms)
    dataplane.unwant(entry)
    const gone = dataplane.gone([entry])
    await lab.wait(gone)
    expect(lab.holds(entry)).toBe(false)
    await lab.calm()
    expectCalm(...e.network)
  })

  test('a refusal is none of an entry that is unwanted', async () => {
    lab.driver.fail((_, { kind }) => kind === 'remote-mac', busy)
    await lab.clock.run(ASKED_MS)
    dataplane.unwant(entry)
    await lab.wait(dataplane.gone([entry]))
    expect(happened('entry-failed')).toEqual([])
    expectCalm(...e.network)
  })

  test('a change by another program is repaired', async () => {
    await lab.clock.run(DONE_MS)
    lab.forget(entry)
    await lab.until(() => lab.holds(entry))
    await lab.calm()
    expect(dataplane.drift.summary().count).toBe(1)
    expectCalm(entry)
  })

  test('a comparison takes it for neither missing nor extra', async () => {
    for (let i = 0; i < 600; i++) dataplane.want(e.remote(1000 + i))
    const first = await lab.wait(dataplane.verifier.verify())
    expect(first).toMatchObject({ missing: 0, different: 0, extra: 0 })
    for (let i = 0; i < 600; i++) dataplane.unwant(e.remote(1000 + i))
    const again = await lab.wait(dataplane.verifier.verify())
    expect(again).toMatchObject({ missing: 0, different: 0, extra: 0 })
  })

  test('nothing else is asked after a stop', async () => {
    await want(entry, e.neighbour('10.0.0.2', 2))
    dataplane.want(e.local(1))
    dataplane.unwant(e.neighbour('10.0.0.2', 2))
    await lab.clock.run(ASKED_MS)
    dataplane.stop()
    const { length } = lab.late.asked
    await lab.calm()
    expect(lab.late.asked.slice(length)).toEqual([])
  })
})

describe('while an entry is being removed', () => {
  const entry = e.remote(2)

  beforeEach(async () => {
    await want(entry)
    await lab.calm()
    dataplane.unwant(entry)
  })

  test('it is not gone', async () => {
    let isGone = false
    void dataplane.gone([entry]).then(() => {
      isGone = true
    })
    await lab.clock.run(ASKED_MS)
    expect(dataplane.statuses.removing().count).toBe(1)
    expect(isGone).toBe(false)
    expect(dataplane.statuses.remains(entry)).toBe(true)
    await lab.clock.run(100)
    expect(isGone).toBe(true)
    expect(dataplane.statuses.removing().count).toBe(0)
  })

  test.each([ASKED_MS, DONE_MS])('it is set where it is wanted again, and is no drift: %i ms', async (ms) => {
    await lab.clock.run(ms)
    expect(await want(entry)).toEqual([])
    expect(lab.holds(entry)).toBe(true)
    await lab.calm()
    expect(dataplane.drift.summary().count).toBe(0)
    expectCalm(entry)
  })

  test('a refusal is none of an entry that is wanted again', async () => {
    lab.driver.fail((op) => op === 'remove', busy)
    await lab.clock.run(ASKED_MS)
    expect(await want(entry)).toEqual([])
    expect(happened('entry-failed')).toEqual([])
    expectCalm(entry)
  })
})

describe('while a device is being changed', () => {
  test('one that is unwanted before it exists is deleted', async () => {
    const twin = { ...e.vxlan, device: 'vx9', vni: 900 }
    dataplane.want(twin)
    await lab.clock.run(ASKED_MS)
    dataplane.unwant(twin)
    await lab.wait(dataplane.gone([twin]))
    expect(lab.indexOf('vx9')).toBeUndefined()
    expectCalm(...e.network)
  })

  test('a refusal is none of one that is unwanted', async () => {
    const twin = { ...e.vxlan, device: 'vx9', vni: 900 }
    lab.driver.fail((_, { device }) => device === 'vx9', busy)
    dataplane.want(twin)
    await lab.asked('setDevice')
    dataplane.unwant(twin)
    await lab.wait(dataplane.gone([twin]))
    expect(happened('device-failed')).toEqual([])
    expectCalm(...e.network)
  })

  test('one that is wanted again while it is deleted exists', async () => {
    await want(e.remote(2))
    dataplane.unwant(e.vxlanPort)
    dataplane.unwant(e.vxlan)
    await lab.until(() => dataplane.statuses.removing().count > 0)
    await lab.clock.run(ASKED_MS)
    await want(e.vxlan, e.vxlanPort)
    await lab.until(() => lab.holds(e.remote(2)))
    await lab.calm()
    expectCalm(...e.network, e.remote(2))
  })

  test('its entries and its status wait for it', async () => {
    const twin = { ...e.vxlan, device: 'vx9', vni: 900 }
    const entry = { ...e.remote(3), device: 'vx9', vni: 900 }
    dataplane.want(twin)
    dataplane.want(entry)
    await lab.clock.run(ASKED_MS)
    expect(dataplane.status(twin).state).toBe('pending')
    expect(await lab.wait(dataplane.settled([twin, entry]))).toEqual([])
    expectCalm(twin, entry)
  })
})

describe('when the connection is lost', () => {
  const many = Array.from({ length: 600 }, (_, i) => e.remote(1000 + i))

  test('in the middle of a batch, its entries are pending and tried again', async () => {
    for (const entry of many) dataplane.want(entry)
    await lab.clock.run(ASKED_MS)
    lab.late.disconnect()
    const open = await lab.wait(dataplane.settled(many))
    expect(open[0]?.status).toMatchObject({
      state: 'pending',
      code: 'ANSWER_LOST',
      reason: "the driver's answer was lost, and is asked for again: connection lost",
      attempts: 1,
      nextTry: expect.any(Number),
    })
    expect(happened('entry-failed')).toHaveLength(1)
    await lab.until(() => many.every((entry) => lab.holds(entry)))
    await lab.calm()
    expectCalm(...e.network, ...many)
  })

  test('entries whose removal was asked for are removed later', async () => {
    await want(...many)
    for (const entry of many) dataplane.unwant(entry)
    await lab.clock.run(ASKED_MS)
    lab.late.disconnect()
    await lab.clock.run(HALF_MS)
    expect(many.some((entry) => lab.holds(entry))).toBe(true)
    await lab.wait(dataplane.gone(many))
    expect(many.some((entry) => lab.holds(entry))).toBe(false)
    expectCalm(...e.network)
  })

  test('a comparison says which devices it could not read', async () => {
    await want(...many)
    const comparison = dataplane.verifier.verify()
    await lab.asked('dump')
    lab.late.disconnect()
    const { unreadable } = await lab.wait(comparison)
    expect(unreadable[0]).toMatchObject({ reason: 'connection lost' })
    await lab.calm()
    expectCalm(...many)
  })

  test('and the kernel comes back empty, everything is set again', async () => {
    await want(...many, e.neighbour('10.0.0.2', 2))
    await lab.calm()
    lab.late.restartKernel()
    expect(lab.holds(e.bridge)).toBe(false)
    await lab.until(() =>
      [...e.network, ...many, e.neighbour('10.0.0.2', 2)].every((entry) => lab.holds(entry)),
    )
    await lab.calm()
    expectCalm(...e.network, ...many)
  })

  test('an owned device is pending, and made later', async () => {
    const twin = { ...e.vxlan, device: 'vx9', vni: 900 }
    lab.late.disconnect()
    expect(await want(twin)).toMatchObject([{ status: { state: 'pending', code: 'ANSWER_LOST' } }])
    expect([...dataplane.statuses.failures()]).toEqual([])
    await lab.until(() => lab.holds(twin))
    await lab.calm()
    expectCalm(twin)
  })
})

test('entries that the driver did not take, since it threw, are pending until they are set', async () => {
  const plain = memoryLab()
  const reconciler = plain.restart()
  plain.addInterface('tap1')
  for (const entry of e.network) reconciler.want(entry)
  await plain.wait(reconciler.settled(e.network))
  const { driver } = plain
  const working = driver.set.bind(driver)
  driver.set = () => {
    driver.set = working
    throw new Error('EMFILE')
  }
  reconciler.want(e.remote(2))
  const settled = reconciler.settled([e.remote(2)])
  await plain.clock.run(0)
  expect(reconciler.status(e.remote(2)).state).toBe('pending')
  expect(await plain.wait(settled)).toEqual([])
  expect(plain.holds(e.remote(2))).toBe(true)
})
