import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Entry } from '../model.ts'
import type { Refusal } from '../refusal.ts'
import type { Dependents } from './dependents.ts'
import type { Device } from './device.ts'
import { backoff, type Exceptions } from './exceptions.ts'

export interface DeviceFailuresDependencies {
  readonly clock: Clock
  readonly exceptions: Exceptions
  readonly events: EventSink
  readonly dependents: Dependents
  /** Called when a device is to be tried again. */
  readonly retry: (device: Device) => void
}

/** Records and reports why nothing can be set on devices, and when they are tried again. */
export class DeviceFailures {
  private readonly clock: Clock
  private readonly exceptions: Exceptions
  private readonly events: EventSink
  private readonly dependents: Dependents
  private readonly retry: (device: Device) => void

  constructor({ clock, exceptions, events, dependents, retry }: DeviceFailuresDependencies) {
    this.clock = clock
    this.exceptions = exceptions
    this.events = events
    this.dependents = dependents
    this.retry = retry
  }

  /** Null: it has not failed. */
  set(device: Device, refusal: Refusal | null, nextTry: number | null = null): void {
    const since = device.failure?.since ?? this.clock.epoch()
    device.fail(refusal === null ? null : { refusal, since, nextTry })
    this.dependents.setFailing(device, refusal !== null)
  }

  /** A link or port was refused, and is retried by itself. */
  refused(entry: Entry, refusal: Refusal): void {
    this.exceptions.failed(entry, refusal)
    const { device, kind } = entry
    const { text: reason, code } = refusal
    const attempts = this.exceptions.status(entry)?.attempts ?? 1
    this.events.emit({ type: 'device-failed', device, kind, reason, code, attempts })
  }

  /** The device could not be read. */
  unread(device: Device, refusal: Refusal): void {
    const delay = backoff(device.unread())
    this.set(device, refusal, this.clock.epoch() + delay)
    this.clock.after(delay, () => this.retry(device))
  }
}
