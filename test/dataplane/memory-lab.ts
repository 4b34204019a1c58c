import { PersistentClock } from '../../src/clock.ts'
import type { Driver } from '../../src/dataplane/driver.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Eventual } from '../../src/dataplane/eventual.ts'
import { identity, isTableEntry } from '../../src/dataplane/kinds/index.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import type { EventSink } from '../../src/events/event.ts'
import { seededRandom } from '../../src/record/recording.ts'
import { noEvents } from '../support/events.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import type { Lab } from './lab.ts'
import { LateDriver } from './late-driver.ts'

const PATIENCE_MS = 100_000
/** How often conditions are checked while answers are late. */
const LATE_STEP_MS = 20

export interface MemoryLab extends Lab {
  restart(options?: NonNullable<Parameters<Lab['restart']>[0]> & { readonly events?: EventSink }): Reconciler
  readonly clock: VirtualClock
  /** What the forwarding loop runs on. */
  readonly loop: PersistentClock
  readonly driver: MemoryDriver
}

/** A lab whose reconciler gets its answers late. */
export interface LateLab extends MemoryLab {
  /** That of the last reconciler. */
  readonly late: LateDriver
  /** Waits for the moment at which a request of that name is under way. */
  asked(what: keyof Driver): Promise<void>
}

/** A kernel in memory on virtual time. */
export function memoryLab(): MemoryLab {
  return labOf((driver) => driver, 1)
}

/** The same, with a driver that answers late: by a seed, or each request after the same time. */
export function lateLab(random: () => number = seededRandom(1)): LateLab {
  let late: LateDriver | undefined
  const lab = labOf((driver, clock) => {
    late?.close()
    late = new LateDriver(driver, { clock, random })
    return late.driver
  }, LATE_STEP_MS)
  return Object.defineProperties(lab as LateLab, {
    late: { get: () => late },
    asked: {
      async value(what: keyof Driver) {
        for (let ms = 0; ms < PATIENCE_MS; ms++) {
          if (late?.isAsked(what)) return
          await lab.clock.run(1)
        }
        throw new Error(`${what} is not asked in ${PATIENCE_MS} ms`)
      },
    },
  })
}

function labOf(driverOf: (memory: MemoryDriver, clock: VirtualClock) => Driver, stepMs: number): MemoryLab {
  const clock = new VirtualClock()
  const loop = new PersistentClock(clock, () => {})
  const driver = new MemoryDriver(loop)
  const { kernel } = driver
  let reconciler: Reconciler | undefined

  async function until(condition: () => Eventual<boolean>): Promise<void> {
    for (let ms = 0; ms < PATIENCE_MS; ms += stepMs) {
      await clock.run(ms === 0 ? 0 : stepMs)
      if (await condition()) return
    }
    throw new Error(`not in ${PATIENCE_MS} ms`)
  }

  return {
    clock,
    loop,
    driver,
    restart({ deaf = false, resyncMs = 0, events = noEvents } = {}) {
      reconciler?.stop()
      driver.watch = deaf ? () => driver.close() : MemoryDriver.prototype.watch
      reconciler = new Reconciler({
        clock: loop,
        driver: driverOf(driver, clock),
        events,
        resyncMs,
      })
      reconciler.start()
      return reconciler
    },
    addInterface: (name) => void kernel.addLink(name, { kind: 'tun' }),
    addUp(...names) {
      for (const name of names) kernel.addLink(name, { kind: 'tun', up: true })
    },
    addBridge: (name) => void kernel.addLink(name, { kind: 'bridge', up: true }),
    deleteLink: (name) => kernel.deleteLink(name),
    rename: (name, to) => kernel.renameLink(name, to),
    enslave: (name, master) => kernel.enslave(name, master),
    setAlias: (name, alias) => kernel.changeLink(name, { alias }),
    setMtu: (name, mtu) => kernel.changeLink(name, { mtu }),
    setUp: (name) => kernel.changeLink(name, { up: true }),
    spoil(name) {
      const isVrf = kernel.need(name).kind === 'vrf'
      kernel.changeLink(name, isVrf ? { tuned: false } : { routing: false })
    },
    setDown: (name) => kernel.changeLink(name, { up: false }),
    forget(entry) {
      if (isTableEntry(entry)) kernel.removeEntry(entry)
    },
    overwrite(entry, marked = false) {
      if (isTableEntry(entry)) kernel.setEntry(entry, marked)
    },
    holds: (entry) => driver.holds(entry),
    indexOf: (name) => kernel.links.get(name)?.index,
    async deletions() {
      const lines: string[] = []
      const before = new Set(kernel.links.keys())
      const { removeEntry } = kernel
      kernel.removeEntry = (entry) => {
        lines.push(identity(entry))
        removeEntry.call(kernel, entry)
      }
      return async () => [...lines, ...[...before].filter((name) => !kernel.links.has(name))]
    },
    until,
    async wait(answer) {
      let settled = false
      const over = () => {
        settled = true
      }
      void Promise.resolve(answer).then(over, over)
      await until(() => settled)
      return answer
    },
    calm: () => clock.run(1000),
    close: () => reconciler?.stop(),
  }
}
