import type { Clock } from '../../clock.ts'
import { type Driver, isOurs, type Link, type Observer, type Refused, type Sighting } from '../driver.ts'
import type { DeviceEntry, TableEntry } from '../layout.ts'
import { Changer } from './change.ts'
import { DeviceChanger } from './change-device.ts'
import { Links } from './links.ts'
import { look } from './look.ts'
import { Monitor } from './monitor.ts'
import { Others } from './others.ts'
import { Requests } from './requests.ts'
import { Sysctls } from './sysctl.ts'

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
  private readonly questions = new Requests()
  private readonly links = new Links(this.questions)
  private readonly others = new Others(this.questions, this.links)
  private readonly sysctls = new Sysctls()
  private readonly changer = new Changer(this.requests, this.links, this.sysctls)
  private readonly deviceChanger = new DeviceChanger(this.requests, this.links, this.sysctls)
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
    return this.deviceChanger.set(entry)
  }

  removeDevice(entry: DeviceEntry): string | null {
    return this.deviceChanger.remove(entry)
  }

  link(name: string): Link | undefined {
    return this.links.get(name)
  }

  vxlanIn(bridge: string, vni: number): Link | undefined {
    const master = this.links.get(bridge)
    return master && this.links.all(master.index).find((link) => link.vni === vni)
  }

  isLabelTaken(label: number): boolean {
    return this.others.isLabelTaken(label)
  }

  isTableTaken(table: number): boolean {
    return this.others.isTableTaken(table)
  }

  portsOf(master: string): Link[] {
    const link = this.links.get(master)
    return link === undefined ? [] : this.links.all(link.index)
  }

  ours(): Link[] {
    return this.links.all(null).filter(isOurs)
  }

  *observe(device: string): Generator<readonly Sighting[], void> {
    const link = this.links.get(device)
    if (link !== undefined) yield* look(link, this.links)
  }

  close(): void {
    this.cancelPoll()
    this.monitor?.close()
    this.monitor = null
    this.requests.close()
    this.questions.close()
  }

  private pollLater(): void {
    this.cancelPoll = this.clock.after(POLL_MS, () => {
      this.poll()
      this.pollLater()
    })
  }
}
