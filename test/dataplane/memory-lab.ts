import { PersistentClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { identity, isTableEntry } from '../../src/dataplane/kinds/index.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { noEvents } from '../support/events.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import type { Lab } from './lab.ts'

const PATIENCE_MS = 100_000

export interface MemoryLab extends Lab {
  readonly clock: VirtualClock
  /** What the forwarding loop runs on. */
  readonly loop: PersistentClock
  readonly driver: MemoryDriver
}

/** A kernel in memory on virtual time. */
export function memoryLab(): MemoryLab {
  const clock = new VirtualClock()
  const loop = new PersistentClock(clock, () => {})
  const driver = new MemoryDriver(loop)
  const { kernel } = driver
  let reconciler: Reconciler | undefined

  async function until(condition: () => boolean): Promise<void> {
    for (let ms = 0; ms < PATIENCE_MS; ms++) {
      await clock.run(ms === 0 ? 0 : 1)
      if (condition()) return
    }
    throw new Error(`not in ${PATIENCE_MS} ms`)
  }

  return {
    clock,
    loop,
    driver,
    restart({ deaf = false, resyncMs = 0 } = {}) {
      reconciler?.stop()
      driver.watch = deaf ? () => driver.close() : MemoryDriver.prototype.watch
      reconciler = new Reconciler({ clock: loop, driver, events: noEvents, resyncMs })
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
    async wait(promise) {
      let settled = false
      const done = promise.finally(() => {
        settled = true
      })
      await until(() => settled)
      return done
    },
    async calm() {
      clock.advance(1000)
    },
    close: () => reconciler?.stop(),
  }
}
