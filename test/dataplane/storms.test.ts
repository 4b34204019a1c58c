import { pino } from 'pino'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Counters } from '../../src/dataplane/driver.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Bridge } from '../../src/dataplane/model.ts'
import { logged } from '../support/events.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

const ROUND_MS = 10_000
const CONFIRM_MS = 1000

let lab: MemoryLab
let dataplane: Reconciler
let lines: Record<string, unknown>[]
/** By device: what it counts in a second. */
let rates: Map<string, { received?: number; multicast?: number }>

beforeEach(async () => {
  lab = memoryLab()
  lab.addUp('tap1', 'tap2')
  rates = new Map()
  lines = []
  const { clock, driver } = lab
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  dataplane = new Reconciler({ clock, driver, events: logged(log, clock) })
  dataplane.start()
  for (const entry of [...e.network, { ...e.tapPort, device: 'tap2' }]) dataplane.want(entry)
  await pass(2 * ROUND_MS)
  lines = []
})

/** Lets time pass while devices count. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    for (const [device, { received = 0, multicast = 0 }] of rates) {
      count(device, { received: read(device, 'received') + received / 10 })
      count(device, { multicast: read(device, 'multicast') + multicast / 10 })
    }
    await lab.clock.run(100)
  }
}

function count(device: string, counters: Partial<Counters>): void {
  const { kernel } = lab.driver
  kernel.counters.set(device, { ...kernel.counters.get(device), ...counters })
}

function read(device: string, counter: 'received' | 'multicast'): number {
  return lab.driver.kernel.counters.get(device)?.[counter] ?? 0
}

const storms = () => [...dataplane.storms.all()]

/** What was logged, without what all lines have. */
const newLines = () =>
  lines.splice(0).map(({ time: _, pid: __, hostname: ___, part: ____, ...fields }) => fields)

function loop(received = 620_000): void {
  rates
    .set('br0', { received })
    .set('tap1', { received: 0.4 * received })
    .set('tap2', { received: 0.6 * received })
}

const STORM = { instance: 'net1', bridge: 'br0', port: 'tap2', rate: 620_000 }

/** As an agent makes and names it. */
const external: Bridge = { ...e.bridge, external: true }

describe('a storm', () => {
  test('shows within a round, with the port that receives most, and is logged once', async () => {
    loop()
    await pass(ROUND_MS + CONFIRM_MS)
    expect(storms()).toEqual([STORM])
    expect(newLines()).toEqual([{ level: 40, msg: 'broadcast storm', ...STORM }])
    await pass(5 * ROUND_MS)
    expect(storms()).toEqual([STORM])
    expect(newLines()).toEqual([])
  })

  test('is reported with the rate and the port of the last round', async () => {
    loop()
    await pass(3 * ROUND_MS)
    rates.set('br0', { received: 50_000 }).set('tap2', { received: 1 })
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([{ ...STORM, port: 'tap1', rate: 50_000 }])
  })

  test('is over when the rate has fallen, which is logged too', async () => {
    loop()
    await pass(2 * ROUND_MS)
    newLines()
    loop(300)
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([])
    expect(newLines()).toEqual([{ level: 30, msg: 'broadcast storm is over', ...STORM, rate: 300 }])
  })

  test('neither begins nor ends between half the limit and the limit', async () => {
    loop(9000)
    await pass(3 * ROUND_MS)
    expect(storms()).toEqual([])
    loop(11_000)
    await pass(3 * ROUND_MS)
    loop(6000)
    await pass(3 * ROUND_MS)
    expect(storms()).toMatchObject([{ rate: 6000 }])
    loop(4000)
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([])
    expect(newLines()).toHaveLength(2)
  })

  test.each([
    ['its network leaves', () => [...e.network].reverse().map((entry) => dataplane.unwant(entry))],
    ['its bridge goes', () => lab.deleteLink('br0')],
  ])('is over when %s', async (_, leave) => {
    loop()
    await pass(2 * ROUND_MS)
    rates.clear()
    lab.driver.kernel.counters.clear()
    leave()
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([])
    const reported = newLines().filter(({ msg }) => String(msg).startsWith('broadcast storm'))
    expect(reported).toMatchObject([{ level: 40 }, { level: 30, rate: 0 }])
  })

  test('is not called one when it is over before it is confirmed', async () => {
    loop()
    await pass(ROUND_MS)
    loop(0)
    await pass(ROUND_MS)
    expect(storms()).toEqual([])
    expect(newLines()).toEqual([])
  })

  test('is not confirmed after the end', async () => {
    loop()
    await pass(ROUND_MS)
    dataplane.stop()
    const counters = vi.spyOn(lab.driver, 'counters')
    await pass(3 * ROUND_MS)
    expect(counters).not.toHaveBeenCalled()
  })

  test('is found again after counters could not be read', async () => {
    loop()
    const counters = vi.spyOn(lab.driver, 'counters').mockImplementation(() => {
      throw new Error('netlink receive: ENOMEM')
    })
    await pass(ROUND_MS)
    expect(newLines()).toMatchObject([{ level: 50, msg: 'counters of bridges cannot be read' }])
    counters.mockRestore()
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([STORM])
  })
})

describe('unicast', () => {
  test('is none of a bridge that passes all frames up, as for tcpdump: only multicast begins a storm', async () => {
    count('br0', { promiscuous: true })
    loop()
    await pass(3 * ROUND_MS)
    expect(storms()).toEqual([])
    rates.set('br0', { received: 620_000, multicast: 20_000 })
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([STORM])
  })

  test('tcpdump does not end a storm', async () => {
    loop()
    await pass(2 * ROUND_MS)
    count('br0', { promiscuous: true })
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([STORM])
  })

  test('for the host is none on an external bridge that it may use itself', async () => {
    dataplane.want(external)
    loop()
    await pass(3 * ROUND_MS)
    expect(storms()).toEqual([])
    rates.set('br0', { received: 620_000, multicast: 20_000 })
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([{ ...STORM, rate: 20_000 }])
    rates.set('br0', { received: 620_000 })
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([])
  })

  test('for the host cannot be on an external bridge that is isolated', async () => {
    dataplane.want(external)
    lab.driver.isolation = { by: 'both', reason: null }
    loop()
    await pass(2 * ROUND_MS)
    expect(storms()).toEqual([STORM])
  })
})

describe('of a hundred bridges', () => {
  beforeEach(async () => {
    for (let i = 0; i < 100; i++)
      dataplane.want({ ...e.bridge, device: `br-${i}`, alias: `chanter:net-${i}` })
    await pass(2 * ROUND_MS)
  })

  test('a few are read a turn, and ports only where the rate is suspicious', async () => {
    const counters = vi.spyOn(lab.driver, 'counters')
    const portsOf = vi.spyOn(lab.driver, 'portsOf')
    await pass(ROUND_MS)
    expect(counters.mock.calls.flatMap(([names]) => names)).toHaveLength(101)
    expect(Math.max(...counters.mock.calls.map(([names]) => names.length))).toBe(32)
    expect(portsOf).not.toHaveBeenCalled()
  })

  test('none is read after the end', async () => {
    const counters = vi.spyOn(lab.driver, 'counters').mockImplementation(() => {
      dataplane.stop()
      return new Map()
    })
    await pass(3 * ROUND_MS)
    expect(counters).toHaveBeenCalledTimes(1)
  })
})
