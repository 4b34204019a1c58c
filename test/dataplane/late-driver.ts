import type { Driver, DumpSteps } from '../../src/dataplane/driver.ts'
import type { DeviceEntry, LinkEntry, TableEntry } from '../../src/dataplane/kinds/index.ts'
import type { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import type { Refusal, Refused } from '../../src/dataplane/refusal.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'

export interface LateOptions {
  readonly clock: VirtualClock
  /** From 0 to 1, without 1. */
  readonly random: () => number
}

/** Longest time until a request is carried out, and from then to its answer. */
const LATEST_MS = 40
/** What has no answer. */
const ORDERS: ReadonlySet<string | symbol> = new Set<keyof Driver>(['watch', 'poll', 'muteOwned', 'sweep'])
/** How long the connection is lost. */
const OUTAGE_MS = 300

/**
 * Answers requests to a kernel in memory later, and carries them out in the order of chance; one batch device by device.
 * The connection can be lost in the middle of a batch.
 */
export class LateDriver {
  /** Answers every request late, be it a change, a dump or a query. */
  readonly driver: Driver
  private readonly kernel: MemoryDriver
  private readonly clock: VirtualClock
  private readonly random: () => number
  /** Of requests without an answer, by what they ask; they are rejected when the connection is lost. */
  private readonly open = new Map<(error: Error) => void, string>()
  private isConnected = true
  private isClosed = false
  /** How many batches of entries were under way at once, at most. */
  mostBatches = 0
  /** What was asked so far, in order. */
  readonly asked: string[] = []
  private batches = 0

  constructor(kernel: MemoryDriver, { clock, random }: LateOptions) {
    this.kernel = kernel
    this.clock = clock
    this.random = random
    const late = {
      set: (entries: readonly TableEntry[]) => this.batch(entries, (some) => kernel.set(some), 'set'),
      remove: (entries: readonly TableEntry[]) =>
        this.batch(entries, (some) => kernel.remove(some), 'remove'),
      setDevice: (entry: DeviceEntry) => this.request('setDevice', () => kernel.setDevice(entry)),
      rename: (device: string, name: string) => this.request('rename', () => kernel.rename(device, name)),
      reclaim: () => this.request('reclaim', () => undefined),
      setUp: (device: string) => this.request('setUp', () => kernel.setUp(device)),
      removeDevice: (entry: DeviceEntry) => this.request('removeDevice', () => kernel.removeDevice(entry)),
      removeLinks: (entries: readonly LinkEntry[]) =>
        this.request('removeLinks', () => kernel.removeLinks(entries)),
      dump: (device: string) => this.dump(device),
      close: () => this.close(),
    } satisfies Partial<Driver>
    this.driver = new Proxy<Driver>(kernel, {
      get: (target, name) => {
        const own = late[name as keyof typeof late]
        const value: unknown = own ?? target[name as keyof Driver]
        if (typeof value !== 'function') return value
        if (own !== undefined || ORDERS.has(name)) return value.bind(target)
        return (...args: readonly unknown[]) => this.request(String(name), () => value.apply(target, args))
      },
    })
  }

  /** The connection is lost for a while; what was asked meanwhile may have been carried out. */
  disconnect(): void {
    if (!this.isConnected) return
    this.isConnected = false
    for (const reject of this.open.keys()) reject(new Error('connection lost'))
    this.open.clear()
    this.clock.after(OUTAGE_MS, () => this.reconnect())
  }

  /** As `disconnect`, and the kernel comes back without owned links. */
  restartKernel(): void {
    this.disconnect()
    for (const { name } of this.kernel.ownedLinks()) this.kernel.kernel.deleteLink(name)
  }

  /** Whether a request of that name is under way. */
  isAsked(what: keyof Driver): boolean {
    return [...this.open.values()].includes(what)
  }

  /** No answer comes after this. */
  close(): void {
    this.isClosed = true
    this.open.clear()
  }

  private reconnect(): void {
    this.isConnected = true
    if (!this.isClosed) this.kernel.overrun()
  }

  private async batch(
    entries: readonly TableEntry[],
    change: (some: readonly TableEntry[]) => Refused,
    what: 'set' | 'remove',
  ): Promise<Refused> {
    this.mostBatches = Math.max(this.mostBatches, ++this.batches)
    const refused = new Map<number, Refusal>()
    const positions = Map.groupBy(entries.keys(), (i) => entries[i]!.device)
    const parts = [...positions.values()].map((some) =>
      this.request(what, () => {
        for (const [i, refusal] of change(some.map((position) => entries[position]!)))
          refused.set(some[i]!, refusal)
      }),
    )
    await Promise.all(parts).finally(() => this.batches--)
    return refused
  }

  private *dump(device: string): DumpSteps {
    const steps = this.kernel.dump(device)
    let isOver = false
    while (!isOver)
      yield this.request('dump', () => {
        const { done, value } = steps.next()
        isOver = done === true
        return value ?? []
      })
  }

  private request<T>(what: string, change: () => T): Promise<T> {
    this.asked.push(what)
    return new Promise((resolve, reject) => {
      if (!this.isConnected) return this.later(() => reject(new Error('not connected')))
      this.open.set(reject, what)
      this.later(() => {
        if (!this.open.has(reject)) return
        const result = change()
        this.later(() => {
          if (this.open.delete(reject)) resolve(result)
        })
      })
    })
  }

  private later(task: () => void): void {
    this.clock.after(Math.floor(this.random() * LATEST_MS), () => {
      if (!this.isClosed) task()
    })
  }
}
