import { isIpv4 } from '../../values/address.ts'
import type { Link } from '../driver.ts'
import type { TableEntry } from '../kinds/index.ts'
import type { MplsInterface, RemoteMac, Route, UdpPort } from '../model.ts'
import {
  ipv6Disabled,
  missing,
  noMpls,
  partly,
  type Refusal,
  type Refused,
  reworded,
  unbridged,
} from '../refusal.ts'
import * as k from './constants.ts'
import * as encode from './encode.ts'
import { type IndexOf, removeIpEntry, setGroupedRoute, setIpEntry } from './encode-ip.ts'
import { type Fdb, isTheirs } from './fdb.ts'
import type { Fou } from './fou.ts'
import type { Links } from './links.ts'
import type { Multipath, RoutePlan } from './multipath.ts'
import { isRefusal } from './nexthops.ts'
import type { Requests } from './requests.ts'
import { hasMpls, isIpv6Disabled, mplsInput, platformLabels, type Sysctls } from './sysctl.ts'

/** What the kernel says where something to remove is not there. */
const ABSENT = [k.ENOENT, k.ESRCH, k.ENODEV, k.EOPNOTSUPP, k.EADDRNOTAVAIL]

const MESSAGES_A_SEND = 64

/** What is set and removed by a message. */
type MessageEntry = Exclude<TableEntry, MplsInterface | UdpPort>

export interface ChangerDependencies {
  readonly requests: Requests
  readonly links: Links
  readonly sysctls: Sysctls
  readonly multipath: Multipath
  readonly fou: Fou
  readonly fdb: Fdb
}

/** Carries out changes of entries: with one message each, many a send. */
export class Changer {
  private readonly requests: Requests
  private readonly links: Links
  private readonly sysctls: Sysctls
  private readonly multipath: Multipath
  private readonly fou: Fou
  private readonly fdb: Fdb
  private readonly indexOf: IndexOf = (device) => this.links.lookUp(device)?.index ?? 0

  constructor({ requests, links, sysctls, multipath, fou, fdb }: ChangerDependencies) {
    this.requests = requests
    this.links = links
    this.sysctls = sysctls
    this.multipath = multipath
    this.fou = fou
    this.fdb = fdb
  }

  set(entries: readonly TableEntry[]): Refused {
    const refused = new Map<number, Refusal>()
    const unlabelled = this.raiseLabels(entries)
    const plans = this.multipath.plan(routesAmong(entries))
    const held = this.fdb.look(entries)
    const change = (entry: TableEntry, link: Link | undefined, i: number): Refusal | null => {
      if (link === undefined) return missing(entry.device)
      const before = held.get(i)
      const refusal = before && 'mac' in entry ? this.fdb.refusal(entry, before) : null
      if (refusal !== null) return refusal
      if (entry.kind === 'local-mac' && before !== undefined && isTheirs(before, link)) return null
      const plan = plans.get(i)
      if (plan !== undefined && isRefusal(plan)) return setRefused(plan, entry)
      if (plan !== undefined && entry.kind === 'route') return this.writeRoute(entry, plan, link)
      if (entry.kind === 'mpls-interface') return this.sysctls.apply(mplsInput(link.name), link.index)
      if (entry.kind === 'udp-port') return this.fou.set(entry.ip)
      const lacking = 'hops' in entry ? this.lackingOf(entry.hops) : undefined
      if (lacking !== undefined) return missing(lacking)
      if (entry.kind === 'mpls' && unlabelled !== null) return unlabelled
      this.write(entry, link)
      return null
    }
    this.send(entries, change, setRefused, refused)
    this.conclude(plans, entries, refused)
    return refused
  }

  remove(entries: readonly TableEntry[]): Refused {
    const change = (entry: TableEntry, link: Link | undefined): Refusal | null => {
      if (link === undefined) return null
      if (entry.kind === 'mpls-interface') this.sysctls.undo(mplsInput(link.name), link.index)
      else if (entry.kind === 'udp-port') return this.fou.remove(entry.ip)
      else if (entry.kind === 'local-mac' && !this.fdb.holds(entry, link)) return null
      else if (isFdb(entry)) encode.removeEntry(this.requests, entry, link)
      else removeIpEntry(this.requests, entry, link.index)
      return null
    }
    const judge = (refusal: Refusal, entry: TableEntry): Refusal | null => {
      // without the bridge's half, or with it behind another port, the kernel does not try the VXLAN device's
      if (entry.kind === 'remote-mac') return this.removeSelf(entry)
      return unlessAbsent(refusal)
    }
    const refused = this.send(entries, change, judge, new Map())
    const routes = [...routesAmong(entries)].filter(([i]) => !refused.has(i))
    for (const [, route] of routes) this.multipath.release(route)
    if (routes.length > 0) this.multipath.tidy()
    return refused
  }

  private writeRoute(route: Route, { group, hops }: RoutePlan, link: Link): null {
    if (group !== null) setGroupedRoute(this.requests, route, group.id)
    else setIpEntry(this.requests, { ...route, hops }, link.index, this.indexOf)
    return null
  }

  /** Notes which groups routes use now, and tells of those that lack hops. */
  private conclude(
    plans: ReadonlyMap<number, RoutePlan | Refusal>,
    entries: readonly TableEntry[],
    refused: Map<number, Refusal>,
  ): void {
    for (const [i, plan] of plans) {
      const entry = entries[i]
      if (isRefusal(plan) || entry?.kind !== 'route') continue
      const { group, lacking } = plan
      // where the answer was lost, the kernel may have it so
      if (refused.has(i) && group !== null) group.isKnown = false
      if (refused.has(i)) continue
      this.multipath.use(entry, group)
      if (lacking !== null) refused.set(i, partly(setRefused(lacking, entry)))
    }
    if (plans.size > 0) this.multipath.tidy()
  }

  /** `change` writes messages, or tells why it does not; `judge` tells why a refusal counts, or null where it does not. */
  private send(
    entries: readonly TableEntry[],
    change: (entry: TableEntry, link: Link | undefined, i: number) => Refusal | null,
    judge: (refusal: Refusal, entry: TableEntry) => Refusal | null,
    refused: Map<number, Refusal>,
  ): Refused {
    const sent: number[] = []
    const flush = () => {
      for (const [position, refusal] of this.requests.send()) {
        const i = sent[position] ?? -1
        const entry = entries[i]
        const counted = entry === undefined ? null : judge(refusal, entry)
        if (counted !== null) refused.set(i, counted)
      }
      sent.length = 0
    }
    let link: Link | undefined
    for (const [i, entry] of entries.entries()) {
      if (link?.name !== entry.device) link = this.links.lookUp(entry.device)
      const before = this.requests.writer.count
      const refusal = change(entry, link, i)
      if (refusal !== null) refused.set(i, refusal)
      for (let count = before; count < this.requests.writer.count; count++) sent.push(i)
      if (sent.length >= MESSAGES_A_SEND || this.requests.writer.isFull) flush()
    }
    flush()
    return refused
  }

  private write(entry: MessageEntry, link: Link): void {
    if (isFdb(entry)) this.writeFdb(entry, link)
    else setIpEntry(this.requests, entry, link.index, this.indexOf)
  }

  /** In a bridge of others, whose ports may learn, a VM could take an address by sending from it. */
  private writeFdb(entry: encode.FdbMessage, link: Link): void {
    encode.setEntry(this.requests, entry, link)
    const isBridged = entry.kind === 'local-mac' || entry.kind === 'remote-mac'
    if (isBridged && link.master !== null && this.links.isExternal(link.master))
      encode.setSticky(this.requests, entry, link)
  }

  /** The first interface of some hops that does not exist. */
  private lackingOf(hops: readonly { readonly device: string }[]): string | undefined {
    return hops.find(({ device }) => this.links.lookUp(device) === undefined)?.device
  }

  /** Has the kernel look at all labels that are to be set; answers with why it does not, if so. */
  private raiseLabels(entries: readonly TableEntry[]): Refusal | null {
    let highest = -1
    for (const entry of entries) if (entry.kind === 'mpls') highest = Math.max(highest, entry.label)
    return highest < 0 ? null : this.sysctls.apply(platformLabels(highest), 0)
  }

  private removeSelf(entry: RemoteMac): Refusal | null {
    const link = this.links.lookUp(entry.device)
    if (link === undefined) return null
    encode.removeSelf(this.requests, entry, link)
    for (const refusal of this.requests.send().values()) return unlessAbsent(refusal)
    return null
  }
}

/** The routes of a batch by their positions. */
function routesAmong(entries: readonly TableEntry[]): Map<number, Route> {
  const routes = new Map<number, Route>()
  for (const [i, entry] of entries.entries()) if (entry.kind === 'route') routes.set(i, entry)
  return routes
}

function isFdb(entry: TableEntry): entry is encode.FdbMessage {
  const { kind } = entry
  return kind === 'local-mac' || kind === 'remote-mac' || kind === 'flood' || kind === 'neighbour'
}

function setRefused(refusal: Refusal, entry: TableEntry): Refusal {
  const { errno } = refusal
  if (entry.kind === 'neighbour' && !isIpv4(entry.ip) && isIpv6Disabled(entry.device)) return ipv6Disabled
  if (entry.kind === 'local-mac' && errno === k.EOPNOTSUPP) return unbridged(entry.device)
  const labelled = 'hops' in entry && entry.hops.some(({ labels }) => labels.length > 0)
  if (errno === k.EOPNOTSUPP && labelled)
    return hasMpls() ? reworded(refusal, (text) => `${text}: modprobe mpls_iptunnel`) : noMpls
  return refusal
}

function unlessAbsent(refusal: Refusal): Refusal | null {
  return ABSENT.includes(refusal.errno ?? 0) ? null : refusal
}
