import { randomInt } from 'node:crypto'
import { isOwned, type Link } from '../driver.ts'
import type { Eventual } from '../eventual.ts'
import { kernelKind, type LinkEntry } from '../kinds/index.ts'
import { isExternal } from '../kinds/link-step.ts'
import { type Refusal, type Refused, shared } from '../refusal.ts'
import { removeBagpipeMacs } from './bagpipe-macs.ts'
import { removeBagpipeRoutes, removeBagpipeRules } from './bagpipe-vrfs.ts'
import { ENODEV } from './constants.ts'
import { deleteGroup, deleteLink, setGroup } from './encode.ts'
import type { BridgeIsolation } from './isolation.ts'
import { dumpVrfRoutes } from './kinds/dump.ts'
import { linuxDefinition, linuxLink } from './kinds/index.ts'
import { releasePort } from './kinds/release-port.ts'
import type { Links } from './links.ts'
import type { Multipath } from './multipath.ts'
import type { Requests } from './requests.ts'
import type { Routes } from './routes.ts'
import type { Rules } from './rules.ts'

/** Link groups have 32-bit numbers, of which these are used: operators number theirs from 0. */
const GROUPS = [2 ** 28, 2 ** 31] as const

export interface LinkRemoverDependencies {
  readonly requests: Requests
  /** For deletions that are answered later, alone. */
  readonly deletions: Requests
  readonly links: Links
  readonly routes: Routes
  readonly multipath: Multipath
  readonly isolation: BridgeIsolation
  readonly rules: Rules
}

/** A removal that has begun: by position, the entries that were refused, and the links that are to be deleted. */
interface Removal {
  readonly refused: Map<number, Refusal>
  readonly going: ReadonlyMap<number, Link>
}

/** Deletes owned links: one at once, or many later by one request. */
export class LinkRemover {
  readonly requests: Requests
  readonly links: Links
  readonly routes: Routes
  private readonly deletions: Requests
  private readonly multipath: Multipath
  private readonly isolation: BridgeIsolation
  private readonly rules: Rules

  constructor({ requests, deletions, links, routes, multipath, isolation, rules }: LinkRemoverDependencies) {
    this.requests = requests
    this.deletions = deletions
    this.links = links
    this.routes = routes
    this.multipath = multipath
    this.isolation = isolation
    this.rules = rules
  }

  /** Why entries were refused, by their position; an absent or external link counts as a success. */
  remove(entries: readonly LinkEntry[]): Refused {
    const removal = this.begin(entries)
    return this.finish(removal, this.deleteEach(removal.going))
  }

  /**
   * As `remove`, all by one request, while which other requests go on; one such removal at a time. Most of the time the kernel waits for its
   * CPUs: with all links locked, once for a whole group and once for each bridge, and then without the lock.
   */
  removeLater(entries: readonly LinkEntry[]): Eventual<Refused> {
    const removal = this.begin(entries)
    const { going } = removal
    if (going.size === 0) return removal.refused
    const group = randomInt(...GROUPS)
    const outside = this.setGroup(going, group)
    deleteGroup(this.deletions, group)
    return this.deletions
      .sendLater()
      .then(({ size }) => this.finish(removal, this.deleteEach(size === 0 ? outside : going)))
  }

  private begin(entries: readonly LinkEntry[]): Removal {
    const refused = new Map<number, Refusal>()
    const going = new Map<number, Link>()
    for (const [position, entry] of entries.entries()) {
      // a renamed link is removed under its present name
      const { device } = entry
      const link = this.links.get(device) ?? this.links.renamedFrom(device, kernelKind(entry))
      if (link === undefined) continue
      const refusal = isOwned(link) ? this.prepare(entry, link) : this.leave(entry, link)
      if (refusal !== null) refused.set(position, refusal)
      else if (isOwned(link)) going.set(position, link)
    }
    this.releasePorts([...going.values()])
    return { refused, going }
  }

  private finish({ refused, going }: Removal, more: Refused): Refused {
    for (const [position, refusal] of more) refused.set(position, refusal)
    this.restoreRules([...going].flatMap(([position, link]) => (refused.has(position) ? [] : [link])))
    return refused
  }

  /** The preconditions for the removal of an owned link. */
  private prepare(entry: LinkEntry, link: Link): Refusal | null {
    const ports = isExternal(entry) ? this.links.all(link.index) : []
    if (ports.length > 0) {
      const names = ports.map(({ name }) => name)
      return shared(entry.device, names)
    }
    if (link.table !== null) this.clearVrf(link, link.table)
    const bridge = link.outdated && link.master !== null ? this.links.lookUp(link.master) : undefined
    if (bridge !== undefined)
      for (const port of this.links.all(bridge.index)) removeBagpipeMacs(port, this.requests)
    return null
  }

  /** Takes ports that were not detached out of links that are to be deleted: left up, they would hand the frames of their VMs to the host. */
  private releasePorts(going: readonly Link[]): void {
    for (const { index, kind } of going) {
      if (kind !== 'bridge' && kind !== 'vrf') continue
      for (const port of this.links.all(index)) if (!isOwned(port)) releasePort(port, this)
    }
  }

  /** An external link stays, as it was before chanter used it. */
  private leave(entry: LinkEntry, link: Link): null {
    linuxLink(entry.kind).leave?.(link, this.isolation)
    return null
  }

  /**
   * Puts links into a group of their own. Its number is drawn anew each time, from so many that no other program has a link in it; if this process ends
   * before the deletion, no later one deletes the group. Returns the links that the kernel refused to put into it.
   */
  private setGroup(going: ReadonlyMap<number, Link>, group: number): ReadonlyMap<number, Link> {
    const outside = new Map<number, Link>()
    let sent: (readonly [number, Link])[] = []
    const send = () => {
      // an absent link needs no deletion
      for (const [i, { errno }] of this.requests.send()) if (errno !== ENODEV) outside.set(...sent[i]!)
      sent = []
    }
    for (const [position, link] of going) {
      setGroup(this.requests, link.index, group)
      sent.push([position, link])
      if (this.requests.writer.isFull) send()
    }
    send()
    return outside
  }

  private deleteEach(going: ReadonlyMap<number, Link>): Map<number, Refusal> {
    const refused = new Map<number, Refusal>()
    for (const [position, { index }] of going) {
      deleteLink(this.requests, index)
      const [refusal] = this.requests.send().values()
      // the other end of a veth pair took it along
      if (refusal !== undefined && refusal.errno !== ENODEV) refused.set(position, refusal)
    }
    return refused
  }

  /** Removes owned entries from a VRF's table, which outlives the device, as do routing rules. */
  private clearVrf(link: Link, table: number): void {
    for (const chunk of dumpVrfRoutes(link, this)) {
      for (const { entry } of chunk) {
        linuxDefinition(entry.kind).encodeRemoval?.(this.requests, entry, link)
        this.requests.send()
        if (entry.kind === 'route') this.multipath.release(entry)
      }
    }
    this.multipath.tidy()
    if (link.alias === null || this.routes.forgetLeft(table)) removeBagpipeRoutes(table, this.requests)
    removeBagpipeRules(link.name, this.requests)
  }

  /** The order of routing rules matters to VRFs alone. */
  private restoreRules(gone: readonly Link[]): void {
    if (!gone.some(({ table }) => table !== null)) return
    if (!this.links.all(null).some((link) => link.table !== null && isOwned(link))) this.rules.restore()
  }
}
