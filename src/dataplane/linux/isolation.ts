import { loadProgram, type Program, programName } from '../../linux/bpf/program.ts'
import { close, errnoName } from '../../linux/libc.ts'
import { bpfRefusal } from '../../linux/privileges.ts'
import { isOwned, type Link } from '../driver.ts'
import type { Isolation } from '../model.ts'
import * as k from './constants.ts'
import { setXdp } from './encode.ts'
import { hostUseOf } from './host-use.ts'
import type { Links } from './links.ts'
import { dropFrames, dropLocalErrors, dropRedirected } from './programs.ts'
import type { Requests } from './requests.ts'
import {
  addIngress,
  dropAll,
  type FilterKey,
  filtersOf,
  type IngressFilter,
  removeFilter,
  setFilter,
} from './traffic-control.ts'

const NO_PROGRAM = -1
/** Number of program ids remembered over restarts. */
const REMEMBERED = 16

/** Why a bridge is not isolated. */
interface NotIsolated {
  readonly reason: string
  /** How the host uses the bridge; null where that is not the reason. */
  readonly use: string | null
  /** The XDP program that was on it then. */
  readonly program: number | null
}

/** The protection that the kernel refused, and why. */
interface RefusedProtection {
  readonly means: 'xdp' | 'tc'
  readonly reason: string
}

export interface IsolationDependencies {
  readonly requests: Requests
  readonly links: Links
  /** Ids of XDP programs of earlier processes. */
  readonly programs: readonly number[]
}

/**
 * Keeps VMs' frames out of the host's IP stack. A bridge forwards, and answers ARP and ND, before it passes a frame up as if its
 * device had received it: a program on the device drops all of that, by XDP and by tc, or by the one that the kernel accepts. A container may have
 * XDP left out, but not tc.
 */
export class BridgeIsolation {
  private readonly requests: Requests
  private readonly links: Links
  /** Ids of XDP programs, owned and external, that were checked before. */
  private readonly known: Map<number, boolean>
  private xdp: Program | number | null = null
  private dropper: Program | number | null = null
  private classifier: Program | number | null = null
  /** Bridges that are not isolated, by index. */
  private readonly open = new Map<number, NotIsolated>()
  /** What the kernel refused for bridges that are isolated by the other one, by index. */
  private readonly refused = new Map<number, RefusedProtection>()

  constructor({ requests, links, programs }: IsolationDependencies) {
    this.requests = requests
    this.links = links
    this.known = new Map(programs.map((id) => [id, true]))
  }

  /** Ids of owned XDP programs, the latest last; a later process without CAP_SYS_ADMIN cannot ask the kernel who loaded them. */
  get programs(): readonly number[] {
    const ours = [...this.known].flatMap(([id, isOurProgram]) => (isOurProgram ? [id] : []))
    return ours.slice(-REMEMBERED)
  }

  /** Whether no work is left: the bridge is isolated, or cannot or must not be. */
  isDone(bridge: Link): boolean {
    const open = this.open.get(bridge.index)
    const use = this.useOf(bridge)
    if (use !== null) return open?.use === use && !this.hasAny(bridge)
    // what another owner's program prevented may be possible without it
    if (open !== undefined) return open.use === null && open.program === bridge.xdpProgram
    return this.hasAll(bridge)
  }

  /** Isolates a bridge, unless the host uses it; then it stays as it was. */
  isolate(bridge: Link): void {
    const { index, xdpProgram: program } = bridge
    const use = this.useOf(bridge)
    if (use !== null) {
      this.release(bridge)
      this.open.set(index, { reason: `the host uses it (${use}), and would be cut off`, use, program })
      return
    }
    const reason = this.isExternal(bridge)
      ? `an XDP program of another owner is on it (id ${program})`
      : this.drop(bridge)
    if (reason === null) this.open.delete(index)
    else this.open.set(index, { reason, use: null, program })
  }

  /** Removes the isolation of a bridge. */
  release(bridge: Link): void {
    const { index } = bridge
    this.open.delete(index)
    this.refused.delete(index)
    if (this.hasXdp(bridge)) this.setXdp(index, NO_PROGRAM)
    this.removeFilters(index, DROP_FILTERS)
  }

  /** What another program's filters prevented is tried again. */
  filtersRemoved(index: number): void {
    if (this.refused.get(index)?.means === 'tc') this.refused.delete(index)
    if (this.open.get(index)?.use === null) this.open.delete(index)
  }

  /** What isolates a bridge, or why nothing does, as last observed. */
  of(bridge: Link): Isolation {
    const refused = this.refused.get(bridge.index)
    if (this.hasXdp(bridge))
      return refused?.means === 'tc' ? { by: 'xdp', reason: refused.reason } : { by: 'both', reason: null }
    const open = this.open.get(bridge.index)
    if (open !== undefined) return { by: null, reason: open.reason }
    const whyNotXdp = this.xdpLack ?? (refused?.means === 'xdp' ? refused.reason : null)
    return whyNotXdp === null
      ? { by: null, reason: 'it is not isolated yet' }
      : { by: 'tc', reason: whyNotXdp }
  }

  /** Drops ICMP errors for the node itself on a port of a VRF, where the kernel allows that. */
  filterPort(index: number): void {
    const program = this.loadClassifier()
    if (typeof program !== 'number' && !this.isFiltered(index)) this.addFilter(index, localErrors(program))
  }

  unfilterPort(index: number): void {
    if (typeof this.loadClassifier() !== 'number') this.removeFilters(index, [LOCAL_ERRORS])
  }

  /** Whether a port of a VRF is filtered, as far as the kernel lets us. */
  isPortDone(index: number): boolean {
    return typeof this.loadClassifier() === 'number' || this.isFiltered(index)
  }

  /** Why ports of VRFs cannot be filtered; null when they can. */
  get portsLack(): string | null {
    const program = this.loadClassifier()
    return typeof program === 'number' ? lackOf(program) : null
  }

  /** Closes the programs; the kernel keeps those that are attached. */
  close(): void {
    for (const program of [this.xdp, this.dropper, this.classifier])
      if (program !== null && typeof program !== 'number') close(program.fd)
    this.xdp = null
    this.dropper = null
    this.classifier = null
  }

  private isFiltered(index: number): boolean {
    return filtersOf(index, [LOCAL_ERRORS]).length > 0
  }

  /** Why there is no XDP program to attach; null where there is one. */
  private get xdpLack(): string | null {
    const program = this.loadXdp()
    return typeof program === 'number' ? `XDP: ${lackOf(program)}` : null
  }

  private useOf(bridge: Link): string | null {
    return isOwned(bridge) ? null : hostUseOf(bridge, this.links)
  }

  private hasXdp({ xdpProgram }: Link): boolean {
    return xdpProgram !== null && this.isOurProgram(xdpProgram)
  }

  private hasAny(bridge: Link): boolean {
    return this.hasXdp(bridge) || filtersOf(bridge.index, DROP_FILTERS).length > 0
  }

  /** Whether it is isolated by all that the kernel accepts. */
  private hasAll(bridge: Link): boolean {
    const refused = this.refused.get(bridge.index)?.means
    if (!this.hasXdp(bridge) && this.xdpLack === null && refused !== 'xdp') return false
    return refused === 'tc' || filtersOf(bridge.index, DROP_FILTERS).length > 0
  }

  private isExternal(bridge: Link): boolean {
    const { xdpProgram } = bridge
    return xdpProgram !== null && !isOwned(bridge) && !this.isOurProgram(xdpProgram)
  }

  private isOurProgram(id: number): boolean {
    const known = this.known.get(id)
    if (known !== undefined) return known
    const isOurProgram = programName(id) === dropFrames.name
    this.known.set(id, isOurProgram)
    return isOurProgram
  }

  /** Attaches the programs to a bridge; returns why that is not possible, if neither is. */
  private drop({ index }: Link): string | null {
    const program = this.loadXdp()
    const byXdp = typeof program === 'number' ? lackOf(program) : this.setXdp(index, program.fd)
    const byFilter = this.filter(index)
    this.refused.delete(index)
    if (byXdp !== null && byFilter !== null) return `XDP: ${byXdp}; tc: ${byFilter}`
    if (byXdp !== null) this.refused.set(index, { means: 'xdp', reason: `XDP: ${byXdp}` })
    if (byFilter !== null) this.refused.set(index, { means: 'tc', reason: `tc: ${byFilter}` })
    return null
  }

  /** Has tc drop what comes in by a bridge; returns why that is not possible, if it is not. */
  private filter(index: number): string | null {
    if (filtersOf(index, DROP_FILTERS).length > 0) return null
    this.dropper ??= loadProgram(dropRedirected)
    const { dropper } = this
    const byProgram = typeof dropper === 'number' ? lackOf(dropper) : this.addFilter(index, dropsAll(dropper))
    return byProgram === null ? null : this.addFilter(index, dropAll)
  }

  private loadXdp(): Program | number {
    if (this.xdp !== null) return this.xdp
    this.xdp = loadProgram(dropFrames)
    if (typeof this.xdp !== 'number') this.known.set(this.xdp.id, true)
    return this.xdp
  }

  private loadClassifier(): Program | number {
    this.classifier ??= loadProgram(dropLocalErrors)
    return this.classifier
  }

  private setXdp(index: number, fd: number): string | null {
    setXdp(this.requests, index, fd)
    return this.send()
  }

  private addFilter(index: number, filter: IngressFilter): string | null {
    addIngress(this.requests, index)
    this.requests.send() // it may have one already; if it could not get one, the filter is refused
    setFilter(this.requests, index, filter)
    return this.send()
  }

  private removeFilters(index: number, keys: readonly FilterKey[]): void {
    for (const key of filtersOf(index, keys)) removeFilter(this.requests, index, key)
    this.requests.send()
  }

  private send(): string | null {
    for (const { text } of this.requests.send().values()) return text
    return null
  }
}

const LOCAL_ERRORS = { kind: 'bpf', handle: 0x13 } as const
const DROP = { kind: 'bpf', handle: 0x14 } as const
/** A bridge has one of these. */
const DROP_FILTERS: readonly FilterKey[] = [DROP, dropAll]

function localErrors(program: Program): IngressFilter {
  return { ...LOCAL_ERRORS, writeOptions: optionsOf(program, dropLocalErrors.name) }
}

function dropsAll(program: Program): IngressFilter {
  return { ...DROP, writeOptions: optionsOf(program, dropRedirected.name) }
}

function optionsOf({ fd }: Program, name: string): IngressFilter['writeOptions'] {
  return (writer) => {
    writer.attributeU32(k.TCA_BPF_FD, fd)
    writer.attributeText(k.TCA_BPF_NAME, name)
    writer.attributeU32(k.TCA_BPF_FLAGS, k.TCA_BPF_FLAG_ACT_DIRECT)
  }
}

/** Why a program could not be loaded. */
function lackOf(result: number): string {
  const name = errnoName(-result)
  return -result === k.EPERM ? `${name}: ${bpfRefusal()}` : name
}
