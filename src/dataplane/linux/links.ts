import { isMarked, isOwned, type Link } from '../driver.ts'
import { isPortEntry, isTableEntry } from '../kinds/index.ts'
import type { Entry, FormerWork, MadeLink } from '../model.ts'
import { isBagpipes } from './bagpipe.ts'
import * as k from './constants.ts'
import { type RawLink, readLink, readLinkName } from './decode.ts'
import { dumpLinks, getLink } from './encode.ts'
import { linuxDefinition, linuxLinkOf, linuxPort } from './kinds/index.ts'
import { isVxlan6 } from './kinds/vxlan.ts'
import type { NetlinkMessage, NetlinkWriter } from './message.ts'
import { dump, exhaust, type Requests } from './requests.ts'
import { fits, portSettingsOf, type Setting } from './sysctl.ts'

/** Conditions of links outside of the links themselves. */
export interface Surroundings {
  /** Whether a port of a VRF is filtered as far as that is possible. */
  isFiltered(port: Pick<RawLink, 'index' | 'kind'>): boolean
  /** Whether the routing rules need no change for VRFs. */
  areRulesDone(): boolean
}

/** Interfaces by name and index, as last reported by the kernel; `get` asks the kernel. */
export class Links {
  private readonly requests: Requests
  private readonly names = new Map<number, string>()
  private readonly known = new Map<string, Link>()
  /** Links that carry our mark, or did, and those that bagpipe-bgp left, by index: a changed alias does not end ownership. The MAC address distinguishes a later link of the same index. */
  private readonly owned = new Map<number, Pick<RawLink, 'kind' | 'alias' | 'name' | 'mac'>>()
  /** Links of earlier processes that this one has not observed yet, by name. */
  private readonly made: Map<string, MadeLink>
  private readonly formerPrograms: ReadonlySet<number>
  /** VRFs by their tables. */
  private readonly vrfs = new Map<number, string>()
  /** Bridges with the spanning tree protocol. */
  private readonly spanning = new Set<string>()
  /** Bridges with a notification about their device or a port, by index. */
  private readonly changed = new Set<number>()
  private readonly surroundings: Surroundings
  /** Interfaces that may be owned ones under another name; null before the first search. */
  private strays: Set<number> | null = null

  /** `requests` is for queries alone: one may be made while a batch of changes is written. */
  constructor(requests: Requests, surroundings: Surroundings, { links, programs }: FormerWork) {
    this.requests = requests
    this.surroundings = surroundings
    this.made = new Map(links.map((link) => [link.name, link]))
    this.formerPrograms = new Set(programs)
  }

  /** The present interface of that name or index. */
  get(link: string | number): Link | undefined {
    const answers: RawLink[] = []
    getLink(this.requests, link)
    this.requests.send((message) => answers.push(readLink(message)))
    const [answer] = answers
    if (answer !== undefined) return this.remember(answer)
    if (typeof link === 'string') this.known.delete(link)
    return undefined
  }

  /** The interface of that name, as last reported. */
  lookUp(name: string): Link | undefined {
    return this.known.get(name) ?? this.get(name)
  }

  nameOf(index: number): string | undefined {
    return this.names.get(index) ?? this.get(index)?.name
  }

  /** The VNI of a VXLAN device. */
  vniOf(name: string): number | null {
    return this.lookUp(name)?.vni ?? null
  }

  isBridge(name: string): boolean {
    return this.lookUp(name)?.kind === 'bridge'
  }

  isExternal(bridge: string): boolean {
    const link = this.lookUp(bridge)
    return link !== undefined && !isOwned(link)
  }

  /** The VRF of a table, as last reported. */
  vrfOf(table: number): string | undefined {
    const name = this.vrfs.get(table)
    return name === undefined || this.lookUp(name)?.table !== table ? undefined : name
  }

  /** Whether there was a notification about a bridge or its ports since the last call. */
  takeChanged(bridge: number): boolean {
    return this.changed.delete(bridge)
  }

  /** The reported VRFs. */
  vrfNames(): Iterable<string> {
    return this.vrfs.values()
  }

  /** A reported VXLAN device over IPv6 that is up on a UDP port: all such devices share one socket. */
  vxlanUpOn(port: number): Link | undefined {
    for (const name of this.names.values()) {
      const link = this.lookUp(name)
      if (link?.up === true && link.port === port && isVxlan6(link)) return link
    }
    return undefined
  }

  /** The names of all reported interfaces. */
  allNames(): Iterable<string> {
    return this.names.values()
  }

  /** The reported interfaces in owned bridges and VRFs. */
  portsOfOwned(): Link[] {
    return [...this.names.values()].flatMap((name) => {
      const link = this.lookUp(name)
      return link !== undefined && link.master !== null && this.lookUp(link.master)?.owned ? [link] : []
    })
  }

  /** The node settings that an entry needs. */
  settingsFor(entry: Entry): readonly Setting[] {
    if (isTableEntry(entry)) return linuxDefinition(entry.kind).settingsFor?.(entry) ?? []
    const link = this.lookUp(entry.device)
    if (link === undefined) return []
    const ofPort = isPortEntry(entry) ? linuxPort(entry.kind).settingsOf : undefined
    return ofPort?.(link) ?? settingsOf(link)
  }

  /** All present interfaces, or those of one master. */
  all(master: number | null): Link[] {
    return this.dump((writer) => dumpLinks(writer, master === null ? {} : { master })).map((link) =>
      this.remember(link),
    )
  }

  /** All present interfaces of a kind. */
  ofKind(kind: string): Link[] {
    return this.dump((writer) => dumpLinks(writer, { kind })).map((link) => this.remember(link))
  }

  /** The owned link with that alias and kind that has another name now. */
  strayOf(alias: string, kind: string): Link | undefined {
    this.strays ??= new Set(this.all(null).flatMap((link) => (isOwned(link) ? [link.index] : [])))
    for (const [index, mark] of this.owned) {
      if (mark.alias !== alias || mark.kind !== kind) continue
      const link = this.get(index)
      if (link?.owned !== true) this.owned.delete(index)
      else if (this.strays.has(index) || link.name !== mark.name) return link
    }
    return undefined
  }

  /** The owned link that had that name until it was renamed during this process. */
  renamedFrom(name: string, kind: string): Link | undefined {
    for (const [index, mark] of this.owned) {
      if (mark.name !== name || mark.kind !== kind) continue
      const link = this.get(index)
      if (link?.owned === true && link.name !== name) return link
    }
    return undefined
  }

  /** Forgets the former name of a link, which belongs to no entry any more. */
  renamed({ index, name }: Pick<Link, 'index' | 'name'>): void {
    this.known.delete(name)
    this.owned.delete(index)
    this.get(index)
  }

  /** The present interfaces of some kinds that stand on another one. */
  uppersOf(index: number, kinds: readonly string[]): RawLink[] {
    // the kernel shows links of all kinds where it does not know the kind
    return kinds.flatMap((kind) =>
      this.dump((writer) => dumpLinks(writer, { kind })).filter(
        (link) => link.lower === index && link.kind === kind,
      ),
    )
  }

  private dump(write: (writer: NetlinkWriter) => void): RawLink[] {
    const links = new Map<number, RawLink>()
    const visit = (message: NetlinkMessage) => {
      const link = readLink(message)
      links.set(link.index, link)
      this.names.set(link.index, link.name)
    }
    exhaust(dump({ type: k.RTM_GETLINK, write, visit, nothing: [k.EOPNOTSUPP] }))
    return [...links.values()]
  }

  /** Takes in a notification; returns the names that it concerns, and whether entries that need the interface may have been lost. */
  handle(message: NetlinkMessage): { readonly names: readonly string[]; readonly unsteady: boolean } {
    const { index, name, family, carrier, master } = readLinkName(message)
    const before = this.names.get(index)
    const known = this.known.get(name)
    for (const each of [index, master, this.known.get(known?.master ?? '')?.index])
      if (each) this.changed.add(each)
    const moved = known?.index === index && known.master !== (master === 0 ? null : this.names.get(master))
    const unsteady = (family === k.AF_UNSPEC && (!carrier || moved)) || message.type === k.RTM_DELLINK
    // of a bridge's family it only means that the link is no port any more
    if (message.type === k.RTM_DELLINK && family === k.AF_UNSPEC) {
      this.names.delete(index)
      this.owned.delete(index)
    } else this.names.set(index, name)
    const isRenamed = before !== undefined && before !== name
    if (isRenamed) this.strays?.add(index)
    const names = isRenamed ? [before, name] : [name]
    for (const each of names) this.known.delete(each)
    return { names, unsteady }
  }

  private isTuned(link: RawLink): boolean {
    if (link.generatesAddresses && linuxLinkOf(link.kind)?.isInNetwork) return false
    return fits(settingsOf(link)) && (link.kind !== 'vrf' || this.surroundings.areRulesDone())
  }

  /** Whether the state of a bridge port lets traffic pass, or is the expected one when it is down, without carrier, or under the spanning tree protocol. */
  private passes({ up, operational }: RawLink, state: number, bridge: string | null): boolean {
    if (state === k.BR_STATE_FORWARDING || !up || !operational || bridge === null) return true
    return this.lookUp(bridge)?.up !== true || this.spanning.has(bridge)
  }

  private owns(link: RawLink): boolean {
    const { index, kind, alias, name, mac } = link
    const before = this.owned.get(index)
    const ports = () => this.dump((writer) => dumpLinks(writer, { master: index }))
    if (isMarked(link) || this.isMade(link) || isBagpipes(link, ports)) {
      this.owned.set(index, { kind, alias, name: before?.name ?? name, mac })
      return true
    }
    // a bridge of bagpipe-bgp has the address of one of its ports, and another one when that leaves
    const isSame = before?.mac === mac || (before?.alias === null && before.name === name)
    return before !== undefined && before.kind === kind && isSame
  }

  /** Whether an earlier process made it, although it has lost its mark since. */
  private isMade({ name, kind, vni, table, xdpProgram }: RawLink): boolean {
    const made = this.made.get(name)
    if (made === undefined) return false
    this.made.delete(name)
    if (made.kind !== kind || made.vni !== vni || made.table !== table) return false
    const isKnown = this.formerPrograms.size === 0 || this.formerPrograms.has(xdpProgram ?? 0)
    return kind !== 'bridge' || isKnown
  }

  private remember(raw: RawLink): Link {
    this.names.set(raw.index, raw.name)
    const owned = this.owns(raw)
    const { slaveKind, lower, stp, bridgePort, operational, generatesAddresses, ...traits } = raw
    const master = raw.master === 0 ? null : (this.nameOf(raw.master) ?? null)
    const below = lower === 0 || lower === raw.index ? null : (this.nameOf(lower) ?? null)
    if (raw.kind === 'bridge') {
      if (stp) this.spanning.add(raw.name)
      else this.spanning.delete(raw.name)
    }
    const link: Link = {
      ...traits,
      owned,
      master,
      pair: raw.kind === 'veth' ? below : null,
      lower: raw.kind === 'veth' ? null : below,
      tuned: raw.tuned && (!owned || this.isTuned(raw)),
      routing:
        slaveKind === 'vrf'
          ? fits(portSettingsOf({ name: raw.name, owned })) && this.surroundings.isFiltered(raw)
          : null,
      forwarding: bridgePort?.open === true && this.passes(raw, bridgePort.state, master),
    }
    if (link.table !== null) this.vrfs.set(link.table, link.name)
    this.known.set(link.name, link)
    return link
  }
}

/** The settings that an owned link needs. */
function settingsOf({ name, kind }: Pick<Link, 'name' | 'kind'>): readonly Setting[] {
  return linuxLinkOf(kind)?.settingsOf?.(name) ?? []
}
