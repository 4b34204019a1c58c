import type { Clock } from '../../clock.ts'
import { type Driver, isOurs, type Link, type Observer, type Refused, type Sighting } from '../driver.ts'
import type { DeviceEntry, TableEntry } from '../layout.ts'
import { Changer } from './change.ts'
import * as k from './constants.ts'
import { dumpFdb, dumpNeighbours } from './encode.ts'
import { Links } from './links.ts'
import type { Message, Writer } from './message.ts'
import { Monitor } from './monitor.ts'
import { readNeighbour } from './observe.ts'
import { dump, Requests } from './requests.ts'

const POLL_MS = 50
const MONITOR_BUFFER_BYTES = 16 << 20

export interface LinuxDriverOptions {
  readonly clock: Clock
  /** How much the kernel keeps of its notifications until they are read. */
  readonly monitorBufferBytes?: number
}

/** The Linux kernel, in the network namespace of the thread that makes the driver. */
export class LinuxDriver implements Driver {
  private readonly clock: Clock
  private readonly monitorBufferBytes: number
  private readonly requests = new Requests()
  private readonly links = new Links(this.requests)
  private readonly changer = new Changer(this.requests, this.links)
  private monitor: Monitor | null = null
  private cancelPoll = () => {}

  constructor({ clock, monitorBufferBytes = MONITOR_BUFFER_BYTES }: LinuxDriverOptions) {
    this.clock = clock
    this.monitorBufferBytes = monitorBufferBytes
  }

  watch(observer: Observer): void {
    this.monitor = new Monitor(this.links, observer, this.monitorBufferBytes)
    this.pollLater()
  }

  poll(): void {
    this.monitor?.poll()
  }

  hush(on: boolean): void {
    this.monitor?.hush(on)
  }

  set(entries: readonly TableEntry[]): Refused {
    return this.changer.set(entries)
  }

  remove(entries: readonly TableEntry[]): Refused {
    return this.changer.remove(entries)
  }

  setDevice(entry: DeviceEntry): string | null {
    return this.changer.setDevice(entry)
  }

  removeDevice(entry: DeviceEntry): string | null {
    return this.changer.removeDevice(entry)
  }

  link(name: string): Link | undefined {
    return this.links.get(name)
  }

  vxlanIn(bridge: string, vni: number): Link | undefined {
    const master = this.links.get(bridge)
    return master && this.links.all(master.index).find((link) => link.vni === vni)
  }

  ours(): Link[] {
    return this.links.all(null).filter(isOurs)
  }

  *observe(device: string): Generator<readonly Sighting[], void> {
    const link = this.links.get(device)
    if (link === undefined) return
    const { index, kind, master } = link
    if (kind === 'bridge') yield* this.sightings(device, (writer) => dumpNeighbours(writer, index))
    if (kind === 'vxlan' || master !== null) {
      yield* this.sightings(device, (writer) => dumpFdb(writer, index))
    }
  }

  close(): void {
    this.cancelPoll()
    this.monitor?.close()
    this.monitor = null
    this.requests.close()
  }

  private pollLater(): void {
    this.cancelPoll = this.clock.after(POLL_MS, () => {
      this.poll()
      this.pollLater()
    })
  }

  private *sightings(device: string, write: (writer: Writer) => void): Generator<readonly Sighting[], void> {
    let chunk: Sighting[] = []
    const visit = (message: Message) => {
      const sighting = readNeighbour(message, this.links)?.sighting
      if (sighting?.entry.device === device) chunk.push(sighting)
    }
    for (const _ of dump({ type: k.RTM_GETNEIGH, write, visit })) {
      yield chunk
      chunk = []
    }
  }
}
