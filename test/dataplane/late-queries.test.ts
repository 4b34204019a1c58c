import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import type { DataplaneEvent } from '../../src/events/event.ts'
import * as e from './entries.ts'
import { type LateLab, lateLab } from './memory-lab.ts'

/** What may happen before the answer to a query comes, and what follows. */

let lab: LateLab
let dataplane: Reconciler
let events: DataplaneEvent[]

const twin = { ...e.vxlan, device: 'vx9', vni: 900 }

beforeEach(async () => {
  events = []
  lab = lateLab(() => 0.5)
  dataplane = lab.restart({ events: { emit: (event) => events.push(event as DataplaneEvent) } })
  lab.addInterface('tap1')
  await want(...e.network, e.remote(2))
  await lab.calm()
  forget()
})

async function want(...entries: readonly Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  return lab.wait(dataplane.settled(entries))
}

/** Forgets what happened so far. */
function forget(): void {
  events.length = 0
  lab.late.asked.length = 0
}

const changes = () => lab.late.asked.filter((what) => /^set|^remove/.test(what))

function expectCalm(): void {
  expect(dataplane.statuses.counts()).toMatchObject({ pending: 0, failed: 0 })
  expect(dataplane.drift.summary().count).toBe(0)
  expect(events.filter(({ type }) => type === 'device-failed')).toEqual([])
}

describe('before a device is changed', () => {
  test('it is unwanted: it is never made', async () => {
    dataplane.want(twin)
    await lab.asked('link')
    dataplane.unwant(twin)
    await lab.wait(dataplane.gone([twin]))
    await lab.calm()
    expect(lab.late.asked).not.toContain('setDevice')
    expectCalm()
  })

  test('it is wanted otherwise: it is made once, as it is wanted then', async () => {
    dataplane.want(twin)
    await lab.asked('link')
    const other = { ...twin, vni: 901 }
    await want(other)
    await lab.calm()
    expect(lab.holds(other)).toBe(true)
    expect(changes()).toEqual(['setDevice', 'setUp'])
    expectCalm()
  })

  test('it is released: it stays as it is', async () => {
    dataplane.want({ ...e.vxlan, mtu: 1300 })
    await lab.asked('link')
    dataplane.release(e.vxlan)
    await lab.calm()
    expect(changes()).toEqual([])
    expectCalm()
  })

  test('it is released: what else is wanted of it is programmed', async () => {
    dataplane = lab.restart()
    dataplane.want(e.vxlan)
    dataplane.want(e.remote(3))
    await lab.asked('link')
    dataplane.release(e.vxlan)
    expect(await lab.wait(dataplane.settled([e.remote(3)]))).toEqual([])
    expect(lab.holds(e.remote(3))).toBe(true)
  })

  test('all that is wanted of it is released: nothing else is asked', async () => {
    dataplane = lab.restart()
    dataplane.want(e.remote(2))
    await lab.asked('link')
    dataplane.release(e.remote(2))
    await lab.calm()
    expect(lab.late.asked).toEqual(['link'])
  })

  test.each(['link', 'reclaim'] as const)('the engine stops: nothing is changed: %s', async (what) => {
    dataplane.want(twin)
    await lab.asked(what)
    dataplane.stop()
    const { length } = lab.late.asked
    await lab.calm()
    expect(lab.late.asked.slice(length)).toEqual([])
    expect(lab.indexOf('vx9')).toBeUndefined()
  })
})

describe('before a port is taken out of its bridge', () => {
  beforeEach(async () => {
    dataplane.unwant(e.tapPort)
    await lab.asked('nameOf')
  })

  test('it is wanted again: it stays there', async () => {
    expect(await want(e.tapPort)).toEqual([])
    await lab.calm()
    expect(changes()).toEqual([])
    expectCalm()
  })

  test('the engine stops: it stays there', async () => {
    dataplane.stop()
    await lab.calm()
    expect(changes()).toEqual([])
    expect(lab.driver.link('tap1')?.master).toBe('br0')
  })

  test('the connection is lost: it is taken out later', async () => {
    vi.spyOn(lab.driver, 'overrun').mockReturnValue()
    lab.late.disconnect()
    await lab.wait(dataplane.gone([e.tapPort]))
    expect(lab.driver.link('tap1')?.master).toBeNull()
  })
})

describe('an interface changed, and before it is known how', () => {
  beforeEach(() => lab.setMtu('br0', 1400))

  test('its device is released: what is wrong with that is no drift', async () => {
    vi.spyOn(lab.driver, 'isIsolated').mockReturnValue(false)
    await lab.asked('isIsolated')
    dataplane.release(e.bridge)
    await lab.calm()
    expectCalm()
    expect(changes()).toEqual([])
  })

  test('its device is released and wanted anew: what is gone is made, and is no drift', async () => {
    await want(twin)
    await lab.calm()
    lab.deleteLink('vx9')
    await lab.asked('link')
    dataplane.release(twin)
    expect(await want(twin)).toEqual([])
    await lab.calm()
    expect(lab.holds(twin)).toBe(true)
    expectCalm()
  })

  test.each([['and the driver tells that it may have missed changes'], ['and it tells nothing of that']])(
    'the connection is lost: %s: it is asked for again',
    async (what) => {
      if (what.includes('nothing')) vi.spyOn(lab.driver, 'overrun').mockReturnValue()
      await lab.asked('link')
      lab.late.disconnect()
      lab.setAlias('br0', 'chanter:other')
      await lab.clock.run(100)
      expect(dataplane.status(e.bridge)).toMatchObject({ state: 'pending', code: 'ANSWER_LOST' })
      await lab.until(() => lab.holds(e.bridge))
      await lab.clock.run(100_000)
      expect(lab.late.asked.filter((one) => one === 'set')).toEqual([])
      expect(dataplane.drift.summary().count).toBe(0)
      expect(dataplane.statuses.counts()).toMatchObject({ pending: 0, failed: 0 })
    },
  )

  test('the connection is lost: what was known of it stays', async () => {
    lab.driver.kernel.changeLink('tap1', { carrier: false })
    await lab.calm()
    const outages = [...dataplane.statuses.outages()]
    expect(outages).toMatchObject([{ port: 'tap1', reason: 'no carrier' }])
    dataplane.want({ ...e.tapPort, learning: false })
    await lab.asked('link')
    lab.late.disconnect()
    await lab.clock.run(100)
    expect([...dataplane.statuses.outages()]).toEqual(outages)
  })
})

test('a device of which only entries are wanted is asked for again when the connection was lost', async () => {
  vi.spyOn(lab.driver, 'overrun').mockReturnValue()
  dataplane = lab.restart()
  dataplane.want(e.remote(3))
  await lab.asked('link')
  lab.late.disconnect()
  expect(await lab.wait(dataplane.settled([e.remote(3)]))).toMatchObject([
    { status: { state: 'pending', code: 'ANSWER_LOST', nextTry: expect.any(Number) } },
  ])
  await lab.until(() => lab.holds(e.remote(3)))
})

describe('once the engine has stopped, nothing is asked and nothing is reported', () => {
  async function expectSilence(when: string): Promise<void> {
    dataplane.stop()
    forget()
    await lab.clock.run(30_000)
    expect(lab.late.asked, when).toEqual([])
    expect(events, when).toEqual([])
  }

  function restart(): void {
    dataplane = lab.restart({ events: { emit: (event) => events.push(event as DataplaneEvent) } })
    for (const entry of [...e.network, e.remote(2)]) dataplane.want(entry)
  }

  test('at any moment of its start, and of changes', async () => {
    const note = () => events.push({ type: 'notifications-lost', overruns: 0 })
    for (let ms = 0; ms < 600; ms += 10) {
      restart()
      if (ms >= 300) await lab.calm()
      lab.setMtu('br0', 1300 + ms)
      dataplane.unwant(e.tapPort)
      dataplane.watchAddresses(note)
      dataplane.watchNextHop(e.ip('10.0.0.9'), note)
      await lab.clock.run(ms % 300)
      await expectSilence(`${ms} ms`)
    }
  })

  test.each(['counters', 'portsOf', 'neighbourTables', 'neighbourCounts'] as const)(
    'while the kernel is looked at: %s',
    async (what) => {
      restart()
      while (!lab.late.isAsked(what)) {
        const received = (lab.driver.kernel.counters.get('br0')?.received ?? 0) + 1_000_000
        lab.driver.kernel.counters.set('br0', { received })
        lab.driver.kernel.neighbourTables = [{ family: 'ipv4', refused: received, limit: 1024 }]
        await lab.clock.run(20)
      }
      await expectSilence(what)
    },
  )
})

test('what goes wrong with a late answer is noted, and the device is tried again', async () => {
  vi.spyOn(lab.driver, 'link').mockReturnValueOnce(null as never)
  dataplane.want(twin)
  await lab.asked('link')
  const settled = dataplane.settled([twin])
  await lab.clock.run(5000)
  expect(lab.loop.faults.count).toBe(1)
  expect(lab.loop.faults.open).toBeNull()
  expect(await lab.wait(settled)).toEqual([])
  expect(dataplane.status(twin).state).toBe('programmed')
  dataplane.unwant(twin)
  await lab.wait(dataplane.gone([twin]))
})
