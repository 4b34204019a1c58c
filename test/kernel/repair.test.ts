import { afterEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { same } from '../../src/dataplane/kinds/index.ts'
import { isPlaced } from '../../src/dataplane/kinds/link-step.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab, programmedLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

/** Longer than any wait before drift is repaired; those of fights grow, up to a minute. */
const REPAIR_MS = 2000
const RESYNC_MS = 500

/** The longest wait of the tasks that a clock was to run later, and has run since `begin`. */
class Waits {
  longestMs = 0
  private period = 0
  readonly clock: Clock = {
    ...systemClock,
    after: (ms, task) => {
      const { period } = this
      return systemClock.after(ms, () => {
        if (period === this.period) this.longestMs = Math.max(this.longestMs, ms)
        task()
      })
    },
  }

  /** Tasks that wait already, such as those that come again and again, do not count. */
  begin(): void {
    this.longestMs = 0
    this.period++
  }
}

let waits: Waits

let lab: Lab
let dataplane: Reconciler

const everything: Entry[] = [
  ...e.network,
  e.local(1),
  e.flood('192.0.2.2'),
  e.remote(2),
  e.neighbour('10.0.0.2', 2),
]

async function begin(options: Parameters<Lab['restart']>[0]): Promise<void> {
  waits = new Waits()
  ;[lab, dataplane] = await programmedLab(everything, options, { clock: waits.clock })
}

afterEach(() => lab.close())

/** As the bridge of an agent, whose MAC address is the lowest of its ports'. */
test('each port that lowers the address of an external bridge costs its neighbours a moment only', async () => {
  waits = new Waits()
  lab = linuxLab({ clock: waits.clock })
  dataplane = lab.restart()
  lab.addBridge('br0')
  const entries: Entry[] = [
    { ...e.bridge, external: true },
    e.neighbour('10.0.0.2', 2),
    e.neighbour('10.0.0.3', 3),
  ]
  for (const entry of entries) dataplane.want(entry)
  expect(await dataplane.settled(entries)).toEqual([])
  const times: number[] = []
  for (let i = 0; i < 12; i++) {
    lab.addInterface(`port${i}`)
    run(`ip link set port${i} address 00:00:5e:00:00:${99 - i}`)
    waits.begin()
    run(`ip link set port${i} master br0`)
    expect(lab.driver.link('br0')?.mac).toBe(lab.driver.link(`port${i}`)?.mac)
    await lab.until(() => entries.slice(1).every(isThere))
    times.push(waits.longestMs)
  }
  console.log(`neighbours back after waits of ${times.join(', ')} ms`)
  expect(Math.max(...times)).toBeLessThan(REPAIR_MS)
  expect([...dataplane.statuses.failures()]).toEqual([])
})

/** As the kernel tells us: asking iproute2 takes longer than the repair. */
function isThere(entry: Entry): boolean {
  const { driver } = lab
  const link = driver.link(entry.device)
  switch (entry.kind) {
    case 'bridge':
    case 'vxlan':
      return link?.up === true && link.alias === entry.alias
    case 'port':
      return link !== undefined && isPlaced(entry, link)
    default: {
      const seen = [...driver.dump(entry.device)].flat()
      return seen.some((observed) => same(observed.entry, entry) && observed.isPartial !== true)
    }
  }
}

test.each([
  ['its bridge was deleted', 'ip link del br0'],
  ['it was taken out of its bridge', 'ip link set tap1 nomaster'],
])(
  'a port that is detached just when %s does not stay up as an interface of the host',
  async (_what, command) => {
    await begin({})
    run('ip link set tap1 up')
    run(command)
    for (const entry of everything) dataplane.unwant(entry)
    await dataplane.gone(everything)
    expect(lab.driver.link('tap1')).toMatchObject({ master: null, up: false })
  },
)

const MISCHIEFS: [string, () => void][] = [
  ['a remote MAC is deleted', () => lab.forget(e.remote(2))],
  ['a remote MAC is sent elsewhere', () => lab.overwrite(e.remote(2, '192.0.2.99'))],
  ['a flood entry is deleted', () => lab.forget(e.flood('192.0.2.2'))],
  ['a neighbour is deleted', () => lab.forget(e.neighbour('10.0.0.2', 2))],
  ['the MAC address of an attached VM is deleted', () => lab.forget(e.local(1))],
  ['the port of an attached VM is taken out of the bridge', () => lab.enslave('tap1', null)],
  ['the VXLAN device is taken out of the bridge', () => lab.enslave('vx0', null)],
  ['the VXLAN device is deleted', () => lab.deleteLink('vx0')],
  ['the bridge is deleted', () => lab.deleteLink('br0')],
  ['the bridge goes down', () => lab.setDown('br0')],
  ['an option of the VXLAN port changes', () => run('bridge link set dev vx0 neigh_suppress off')],
  [
    'the interface of an attached VM goes and returns',
    () => {
      lab.deleteLink('tap1')
      lab.addInterface('tap1')
    },
  ],
]

describe.each([
  ['notified', { deaf: false }],
  ['not notified', { deaf: true, resyncMs: RESYNC_MS }],
])('%s', (_, options) => {
  test.each(MISCHIEFS)('%s: repaired in time', async (what, mischief) => {
    await begin(options)
    waits.begin()
    mischief()
    await lab.until(() => everything.every(isThere))
    for (const entry of everything) expect(lab.holds(entry), JSON.stringify(entry)).toBe(true)
    console.log(`${what}: whole again after waits of up to ${waits.longestMs} ms`)
    // comparisons of a machine with other work are further apart
    if (!options.deaf) expect(waits.longestMs).toBeLessThan(REPAIR_MS)
  })
})
