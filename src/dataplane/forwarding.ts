import type { Logger } from 'pino'
import type { Clock, PersistentClock } from '../clock.ts'
import { Reconciler, type ReconcilerParts } from './engine/reconciler.ts'
import type { Dataplane } from './model.ts'
import { ForwardingThread } from './thread/thread.ts'
import { type DataplaneView, dataplaneView } from './view.ts'

/** The forwarding loop as the daemon has it. */
export interface Forwarding {
  readonly dataplane: Dataplane
  readonly view: DataplaneView
  /** Ids of XDP programs of ours that a later process has to know. */
  programs(): readonly number[]
  start(): void
  /** The desired state is complete: what carries our mark and is not wanted may be removed. */
  complete(): void
  /** Ends all activity; the kernel stays as it is. */
  stop(): Promise<void>
}

export interface KernelParts {
  readonly clock: Clock
  readonly log: Logger
  readonly resyncMs: number
  /** Ids of XDP programs that earlier processes put on bridges. */
  readonly programs: readonly number[]
  readonly managesRules: boolean
  /** Called when forwarding has ended without being told to. */
  readonly died: (reason: string) => void
}

/** That of the Linux kernel, in a thread of its own. */
export function kernelForwarding({ clock, log, died, ...options }: KernelParts): Forwarding {
  const thread = new ForwardingThread({ clock, log, died, options: { ...options, logLevel: log.level } })
  return {
    dataplane: thread,
    view: thread,
    programs: () => thread.programs,
    start: () => thread.start(),
    complete: () => thread.complete(),
    stop: () => thread.stop(),
  }
}

/** That of a driver in this thread, which runs on the same clock. */
export function localForwarding(parts: ReconcilerParts & { readonly clock: PersistentClock }): Forwarding {
  const reconciler = new Reconciler(parts)
  const { clock, driver } = parts
  return {
    dataplane: reconciler,
    view: dataplaneView(reconciler, clock),
    programs: () => driver.programs,
    start: () => reconciler.start(),
    complete: () => reconciler.complete(),
    async stop() {
      reconciler.stop()
      driver.close()
    },
  }
}
