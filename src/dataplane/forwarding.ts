import type { Clock, PersistentClock } from '../clock.ts'
import type { EventSink } from '../events/event.ts'
import { Reconciler, type ReconcilerDependencies } from './engine/reconciler.ts'
import type { Dataplane, FormerWork } from './model.ts'
import { ForwardingThread } from './thread/thread.ts'
import { type DataplaneView, dataplaneView } from './view.ts'

/** The forwarding loop as the daemon uses it. */
export interface Forwarding {
  readonly dataplane: Dataplane
  readonly view: DataplaneView
  /** Ids of owned XDP programs, for a later process. */
  programs(): readonly number[]
  start(): void
  /** The desired state is complete: unwanted entries with our mark may be removed. */
  complete(): void
  /** Changes the time between comparisons with the kernel; 0: never. */
  setResync(ms: number): void
  /** Ends all activity; the kernel stays as it is. */
  stop(): Promise<void>
}

export interface KernelForwardingOptions {
  readonly clock: Clock
  readonly events: EventSink
  readonly resyncMs: number
  /** What earlier processes did in this kernel. */
  readonly former: FormerWork
  readonly managesRules: boolean
  /** Called when forwarding has ended without a request. */
  readonly died: (reason: string) => void
}

/** That of the Linux kernel, in a thread of its own. */
export function kernelForwarding({ clock, events, died, ...options }: KernelForwardingOptions): Forwarding {
  const thread = new ForwardingThread({ clock, events, died, options })
  return {
    dataplane: thread,
    view: thread,
    programs: () => thread.programs,
    start: () => thread.start(),
    complete: () => thread.complete(),
    setResync: (ms) => thread.setResync(ms),
    stop: () => thread.stop(),
  }
}

/** That of a driver in this thread, which runs on the same clock. */
export function localForwarding(
  parts: ReconcilerDependencies & { readonly clock: PersistentClock },
): Forwarding {
  const reconciler = new Reconciler(parts)
  const { clock, driver } = parts
  return {
    dataplane: reconciler,
    view: dataplaneView(reconciler, clock),
    programs: () => driver.programs,
    start: () => reconciler.start(),
    complete: () => reconciler.complete(),
    setResync: (ms) => reconciler.setResync(ms),
    async stop() {
      reconciler.stop()
      driver.close()
    },
  }
}
