import type { Link } from '../driver.ts'
import { isTableEntry } from '../layout.ts'
import { ALIAS_PREFIX, type Entry } from '../model.ts'
import * as k from './constants.ts'
import { dumpLinks, getLink } from './encode.ts'
import type { Message } from './message.ts'
import { isTunnel, type RawLink, readLink, readLinkName } from './observe.ts'
import { dump, exhaust, type Requests } from './requests.ts'
import {
  fits,
  gatewaySettings,
  mplsInput,
  platformLabels,
  portSettings,
  type Setting,
  vrfSettings,
} from './sysctl.ts'

/** Interfaces by name and index: what the kernel told of them last, for looking up; `get` asks the kernel. */
export class Links {
  private readonly requests: Requests
  private readonly names = new Map<number, string>()
  private readonly known = new Map<string, Link>()
  /** VRFs by their tables. */
  private readonly vrfs = new Map<number, string>()

  /** `requests` is for questions alone: one may come up while a batch of changes is written. */
  constructor(requests: Requests) {
    this.requests = requests
  }

  /** The interface of that name or index now. */
  get(link: string | number): Link | undefined {
    const answers: RawLink[] = []
    getLink(this.requests, link)
    this.requests.send((message) => answers.push(readLink(message)))
    const [answer] = answers
    if (answer !== undefined) return this.remember(answer)
    if (typeof link === 'string') this.known.delete(link)
    return undefined
  }

  /** The interface of that name, as it was when it was last heard of. */
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

  /** The VRF of a table, where it was heard of. */
  vrfOf(table: number): string | undefined {
    const name = this.vrfs.get(table)
    return name === undefined || this.lookUp(name)?.table !== table ? undefined : name
  }

  /** The names of all that was heard of. */
  allNames(): Iterable<string> {
    return this.names.values()
  }

  /** What the settings of the machine have to be for an entry. */
  settingsFor(entry: Entry): readonly Setting[] {
    if (entry.kind === 'mpls-interface') return mplsInput(entry.device)
    if (entry.kind === 'mpls') return platformLabels(entry.label)
    const link = isTableEntry(entry) ? undefined : this.lookUp(entry.device)
    if (link === undefined) return []
    return entry.kind === 'vrf-port' ? portSettingsOf(link) : settingsOf(link)
  }

  /** All interfaces, or those of one master, now. */
  all(master: number | null): Link[] {
    const links = new Map<number, RawLink>()
    const visit = (message: Message) => {
      const link = readLink(message)
      links.set(link.index, link)
      this.names.set(link.index, link.name)
    }
    exhaust(dump({ type: k.RTM_GETLINK, write: (writer) => dumpLinks(writer, master), visit }))
    return [...links.values()].map((link) => this.remember(link))
  }

  /** Takes in a notification; tells the names that it concerns, and whether what needs the interface may have gone with it. */
  heed(message: Message): { readonly names: readonly string[]; readonly unsteady: boolean } {
    const { index, name, family, carrier, master } = readLinkName(message)
    const before = this.names.get(index)
    const known = this.known.get(name)
    const moved = known?.index === index && known.master !== (master === 0 ? null : this.names.get(master))
    const unsteady = (family === k.AF_UNSPEC && (!carrier || moved)) || message.type === k.RTM_DELLINK
    // of a bridge's family it only tells that the link is no port any more
    if (message.type === k.RTM_DELLINK && family === k.AF_UNSPEC) this.names.delete(index)
    else this.names.set(index, name)
    const names = before === undefined || before === name ? [name] : [before, name]
    for (const each of names) this.known.delete(each)
    return { names, unsteady }
  }

  private remember(raw: RawLink): Link {
    this.names.set(raw.index, raw.name)
    const { slaveKind, lower, ...traits } = raw
    const below = lower === 0 || lower === raw.index ? null : (this.nameOf(lower) ?? null)
    const link: Link = {
      ...traits,
      master: raw.master === 0 ? null : (this.nameOf(raw.master) ?? null),
      pair: raw.kind === 'veth' ? below : null,
      lower: raw.kind === 'veth' ? null : below,
      tuned: raw.tuned && (!isMarked(raw) || fits(settingsOf(raw))),
      routing: slaveKind === 'vrf' ? fits(portSettingsOf(raw)) : null,
    }
    if (link.table !== null) this.vrfs.set(link.table, link.name)
    this.known.set(link.name, link)
    return link
  }
}

function isMarked({ alias }: Pick<Link, 'alias'>): boolean {
  return alias?.startsWith(ALIAS_PREFIX) === true
}

/** What the settings of a port of a VRF have to be. */
export function portSettingsOf(link: Pick<Link, 'name' | 'alias'>) {
  return isMarked(link) ? gatewaySettings(link.name) : portSettings(link.name)
}

/** What the settings of a link of ours have to be. */
export function settingsOf({ name, kind }: Pick<Link, 'name' | 'kind'>) {
  if (kind === 'vrf') return vrfSettings(name)
  return isTunnel({ kind }) ? mplsInput(name) : []
}
