import { expect } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { LinuxDriver, type LinuxDriverOptions } from '../../src/dataplane/linux/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { noEvents } from '../support/events.ts'
import { inside, labelledPackets } from './network.ts'

/** A reconciler for the kernel of a namespace: several of them live in one process, each in its own namespace whenever it acts. */
export class ProviderEdge {
  private readonly namespace: string
  private readonly driver: LinuxDriver
  private readonly reconciler: Reconciler
  private closed = false

  constructor(namespace: string, options: Partial<LinuxDriverOptions> = {}) {
    this.namespace = namespace
    const clock = this.clock()
    this.driver = inside(namespace, () => new LinuxDriver({ clock, ...options }))
    this.reconciler = new Reconciler({ clock, driver: this.driver, events: noEvents })
    inside(namespace, () => this.reconciler.start())
  }

  async wantInPlace(...entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) this.reconciler.want(entry)
    expect(await this.reconciler.settled(entries)).toEqual([])
  }

  complete(): void {
    inside(this.namespace, () => this.reconciler.complete())
  }

  labelledPackets(device: string): number {
    return labelledPackets(this.namespace, device)
  }

  close(): void {
    this.closed = true
    this.reconciler.stop()
    this.driver.close()
  }

  /** The system's clock, whose tasks run in the namespace as long as it may be there. */
  private clock(): Clock {
    const within = (task: () => void) => () => {
      if (!this.closed) inside(this.namespace, task)
    }
    return {
      ...systemClock,
      after: (ms, task) => systemClock.after(ms, within(task)),
      soon: (task) => systemClock.soon(within(task)),
    }
  }
}
