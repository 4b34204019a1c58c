import type { Mac } from '../../values/mac.ts'
import type { TableEntry } from '../kinds/index.ts'
import type { LocalMac, RemoteMac } from '../model.ts'
import { ownAddress, type Refusal } from '../refusal.ts'
import * as k from './constants.ts'
import { ndmsg, type Target } from './encode.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import type { Requests } from './requests.ts'

const QUESTIONS_A_SEND = 64
const NONE: ReadonlyMap<Mac, number> = new Map()

/** A bridge's entry for a MAC. */
export interface BridgeEntry {
  /** The port that the MAC is behind, or the bridge itself. */
  readonly index: number
  readonly state: number
  readonly flags: number
}

/** The FDB entries of bridges, owned and external. */
export class Fdb {
  private readonly requests: Requests
  private readonly links: Links
  private readonly own = new Map<string, ReadonlyMap<Mac, number>>()

  constructor(requests: Requests, links: Links) {
    this.requests = requests
    this.links = links
  }

  /** The bridge, or port of it, that has this address as its own. */
  ownAddressIn(bridge: string, mac: Mac): string | null {
    const link = this.links.get(bridge)
    if (link?.kind !== 'bridge') return null
    this.ask(mac, { index: 0, flags: 0, bridge: link.index })
    const entry = this.answers().get(0)
    return entry !== undefined && this.isOwn(mac, entry) ? this.nameOf(entry) : null
  }

  /** The present bridge entries of the local MACs among entries, by their positions. */
  present(entries: readonly TableEntry[]): ReadonlyMap<number, BridgeEntry> {
    const found = new Map<number, BridgeEntry>()
    let asked: number[] = []
    const flush = () => {
      for (const [position, entry] of this.answers()) found.set(asked[position]!, entry)
      asked = []
    }
    for (const [i, entry] of entries.entries()) {
      const link = entry.kind === 'local-mac' ? this.links.lookUp(entry.device) : undefined
      if (entry.kind !== 'local-mac' || link === undefined) continue
      this.askBehind(entry, link)
      asked.push(i)
      if (asked.length === QUESTIONS_A_SEND) flush()
    }
    flush()
    return found
  }

  /** Why remote MACs among entries cannot be set, by their positions: the bridge or its ports have the addresses. */
  ownAmong(entries: readonly TableEntry[]): ReadonlyMap<number, Refusal> {
    const refused = new Map<number, Refusal>()
    let device: string | null = null
    let own = NONE
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!
      if (entry.kind !== 'remote-mac') continue
      if (entry.device !== device) {
        device = entry.device
        const master = this.links.lookUp(device)?.master
        own = master ? this.ownAddresses(master) : NONE
      }
      const index = own.get(entry.mac)
      if (index !== undefined) refused.set(i, ownAddress(entry.mac, this.links.nameOf(index) ?? device))
    }
    return refused
  }

  /** Why an entry cannot replace the bridge's present one, if so. */
  refusal({ device, mac }: LocalMac, before: BridgeEntry): Refusal | null {
    return this.isOwn(mac, before) ? ownAddress(mac, this.nameOf(before) ?? device) : null
  }

  /** Whether there is an owned entry to delete. */
  holds(wanted: LocalMac | RemoteMac, link: Target): boolean {
    this.askBehind(wanted, link)
    const entry = this.answers().get(0)
    return entry?.index === link.index && isMarked(entry) && !this.isOwn(wanted.mac, entry)
  }

  /** Whether the VXLAN device itself has an owned entry to delete. */
  holdsSelf({ mac }: RemoteMac, { index }: Target): boolean {
    this.ask(mac, { index, flags: k.NTF_SELF, bridge: null })
    const entry = this.answers().get(0)
    return entry !== undefined && isMarked(entry)
  }

  /** The own addresses of a bridge and its ports, with their owners; read again after a notification about one of them. */
  private ownAddresses(bridge: string): ReadonlyMap<Mac, number> {
    const link = this.links.lookUp(bridge)
    if (link === undefined) return NONE
    const known = this.own.get(bridge)
    if (known !== undefined && !this.links.takeChanged(link.index)) return known
    const all = [link, ...this.links.all(link.index)]
    const own = new Map(all.flatMap(({ mac, index }) => (mac === null ? [] : [[mac, index]])))
    this.own.set(bridge, own)
    return own
  }

  /** Whether the host has that address: the bridge or the port does. Another program may have set any address permanently behind a port. */
  private isOwn(mac: Mac, entry: BridgeEntry): boolean {
    if (!isPermanent(entry)) return false
    const owner = this.links.get(entry.index)
    return owner === undefined || owner.kind === 'bridge' || owner.mac === mac
  }

  private nameOf({ index }: BridgeEntry): string | null {
    return this.links.nameOf(index) ?? null
  }

  private askBehind({ mac }: LocalMac | RemoteMac, { index }: Target): void {
    this.ask(mac, { index, flags: k.NTF_MASTER, bridge: null })
  }

  private ask(
    mac: Mac,
    { index, flags, bridge }: { index: number; flags: number; bridge: number | null },
  ): void {
    const { requests } = this
    requests.begin(k.RTM_GETNEIGH, 0)
    ndmsg(requests.writer, k.AF_BRIDGE, index, 0, flags)
    requests.writer.attributeMac(k.NDA_LLADDR, mac)
    if (bridge !== null) requests.writer.attributeU32(k.NDA_MASTER, bridge)
    requests.end()
  }

  /** The answers in the order of the requests; none where there is no entry. */
  private answers(): Map<number, BridgeEntry> {
    const answers = new Map<number, BridgeEntry>()
    this.requests.send((message, position) => answers.set(position, read(message)))
    return answers
  }
}

/** Whether another program set the MAC permanently behind that port: it then need not be owned, and stays after its removal here. */
export function isTheirs(entry: BridgeEntry, { index }: Target): boolean {
  return entry.index === index && (entry.state & k.NUD_NOARP) !== 0 && !isMarked(entry)
}

/** Whether frames for it go to the host, until it is removed: setting it does not change that. */
export function isPermanent({ state }: BridgeEntry): boolean {
  return (state & k.NUD_PERMANENT) !== 0
}

function isMarked({ flags }: BridgeEntry): boolean {
  return (flags & k.NTF_EXT_LEARNED) !== 0
}

function read({ bytes, start }: NetlinkMessage): BridgeEntry {
  return {
    index: bytes.readInt32LE(start + 4),
    state: bytes.readUInt16LE(start + 8),
    flags: bytes.readUInt8(start + 10),
  }
}
