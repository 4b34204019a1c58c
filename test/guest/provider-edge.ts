import { pino } from 'pino'
import { expect } from 'vitest'
import { z } from 'zod'
import { type Clock, systemClock } from '../../src/clock.ts'
import { LinuxDriver, type LinuxDriverOptions } from '../../src/dataplane/linux/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { Reconciler } from '../../src/dataplane/reconciler.ts'
import { inside, runIn } from './network.ts'

const statistics = z.array(z.object({ mpls_stats: z.object({ rx: z.object({ packets: z.number() }) }) }))

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
    this.reconciler = new Reconciler({ clock, driver: this.driver, log: pino({ level: 'silent' }) })
    inside(namespace, () => this.reconciler.start())
  }

  async wantInPlace(...entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) this.reconciler.want(entry)
    expect(await this.reconciler.settled(entries)).toEqual([])
  }

  complete(): void {
    inside(this.namespace, () => this.reconciler.complete())
  }

  /** How many packets with labels came in by an interface. */
  labelledPackets(device: string): number {
    const [answer] = statistics.parse(
      JSON.parse(runIn(this.namespace, `ip -j stats show dev ${device} group afstats subgroup mpls`)),
    )
    return answer?.mpls_stats.rx.packets ?? 0
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
