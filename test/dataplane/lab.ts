import type { Counters, Driver, Link, ObservedEntry } from '../../src/dataplane/driver.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Eventual } from '../../src/dataplane/eventual.ts'
import type { DeviceEntry, TableEntry } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import type { Refusal, Refused } from '../../src/dataplane/refusal.ts'

/** A driver that answers at once what tests ask for. */
interface SynchronousDriver extends Driver {
  link(name: string): Link | undefined
  counters(devices: readonly string[]): ReadonlyMap<string, Counters>
  set(entries: readonly TableEntry[]): Refused
  remove(entries: readonly TableEntry[]): Refused
  setDevice(entry: DeviceEntry): Refusal | null
  removeDevice(entry: DeviceEntry): Refusal | null
  dump(device: string): Generator<readonly ObservedEntry[], void>
}

/** A kernel for tests of the dataplane, with another program that changes it. */
export interface Lab {
  /** A running reconciler on this kernel; the one before, if any, is stopped. One that is deaf gets no notification of a change. */
  restart(options?: { readonly deaf?: boolean; readonly resyncMs?: number }): Reconciler
  /** The driver of the last reconciler, or what that asks. */
  readonly driver: SynchronousDriver
  addInterface(name: string): void
  /** Adds interfaces that are up. */
  addUp(...names: readonly string[]): void
  addBridge(name: string): void
  deleteLink(name: string): void
  rename(name: string, to: string): void
  enslave(name: string, master: string | null): void
  setUp(name: string): void
  setDown(name: string): void
  /** Changes a setting that we need of a VRF or its port. */
  spoil(name: string): void
  setMtu(name: string, mtu: number): void
  setAlias(name: string, alias: string): void
  /** Deletes an entry, of a remote MAC both halves. */
  forget(entry: Entry): void
  /** Sets an entry as a person would, without our mark, or as another controller, with it; of a remote MAC the VXLAN device's half. */
  overwrite(entry: Entry, marked?: boolean): void
  /** Whether the kernel holds exactly this entry. */
  holds(entry: Entry): boolean
  indexOf(name: string): number | undefined
  /** Starts to record deletions; the result lists them, a line each. */
  deletions(): Promise<() => Promise<readonly string[]>>
  /** Waits for what the reconciler does by itself. */
  until(condition: () => Eventual<boolean>): Promise<void>
  /** Waits for an answer, while time passes. */
  wait<T>(answer: Eventual<T>): Promise<T>
  /** Lets pass the time in which all that was noticed is acted on. */
  calm(): Promise<void>
  close(): void
}
