import { formatMac, type Mac } from '../../values/mac.ts'
import { ownAddress } from '../driver.ts'
import type { LocalMac } from '../model.ts'
import * as k from './constants.ts'
import { ndmsg, type Target } from './encode.ts'
import type { Links } from './links.ts'
import type { Message } from './message.ts'
import type { Requests } from './requests.ts'

/** A bridge's entry for a MAC. */
interface BridgeEntry {
  /** The port that the MAC is behind, or the bridge itself. */
  readonly index: number
  readonly state: number
  readonly flags: number
}

/** Entries of bridges, one by one: what others have of a MAC that we want. */
export class Fdb {
  private readonly requests: Requests
  private readonly links: Links

  constructor(requests: Requests, links: Links) {
    this.requests = requests
    this.links = links
  }

  /** The bridge or port of it whose own address that is. */
  ownAddressIn(bridge: string, mac: Mac): string | null {
    const link = this.links.get(bridge)
    if (link?.kind !== 'bridge') return null
    const entry = this.ask(mac, { index: 0, flags: 0, bridge: link.index })
    return entry !== undefined && isOwn(entry) ? this.nameOf(entry) : null
  }

  /** Why a MAC cannot be behind a port of a bridge, if so. */
  refusal({ device, mac }: Pick<LocalMac, 'device' | 'mac'>, { index }: Target): string | null {
    const entry = this.behind(index, mac)
    if (entry === undefined || !isOwn(entry)) return null
    return ownAddress(formatMac(mac), this.nameOf(entry) ?? device)
  }

  /** Whether there is an entry of ours to delete. One that was static before we took it is so again. */
  release({ mac }: LocalMac, { index }: Target): boolean {
    const entry = this.behind(index, mac)
    const isOurs = entry?.index === index && (entry.flags & k.NTF_EXT_LEARNED) !== 0 && !isOwn(entry)
    if (!isOurs) return false
    if ((entry.state & k.NUD_NOARP) === 0) return true
    this.restore(mac, entry)
    return false
  }

  private behind(port: number, mac: Mac): BridgeEntry | undefined {
    return this.ask(mac, { index: port, flags: k.NTF_MASTER, bridge: null })
  }

  /** Sets it without our mark, which the kernel does not take off. */
  private restore(mac: Mac, { index, state, flags }: BridgeEntry): void {
    const { requests } = this
    const { writer } = requests
    requests.begin(k.RTM_DELNEIGH, 0)
    ndmsg(writer, k.AF_BRIDGE, index, 0, k.NTF_MASTER)
    writer.attributeMac(k.NDA_LLADDR, mac)
    requests.end()
    requests.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_EXCL)
    ndmsg(writer, k.AF_BRIDGE, index, state, k.NTF_MASTER | (flags & k.NTF_STICKY))
    writer.attributeMac(k.NDA_LLADDR, mac)
    requests.end()
    requests.send()
  }

  private nameOf({ index }: BridgeEntry): string | null {
    return this.links.nameOf(index) ?? null
  }

  private ask(
    mac: Mac,
    { index, flags, bridge }: { index: number; flags: number; bridge: number | null },
  ): BridgeEntry | undefined {
    const { requests } = this
    let entry: BridgeEntry | undefined
    requests.begin(k.RTM_GETNEIGH, 0)
    ndmsg(requests.writer, k.AF_BRIDGE, index, 0, flags)
    requests.writer.attributeMac(k.NDA_LLADDR, mac)
    if (bridge !== null) requests.writer.attributeU32(k.NDA_MASTER, bridge)
    requests.end()
    requests.send((message) => {
      entry = read(message)
    })
    return entry
  }
}

function read({ bytes, start }: Message): BridgeEntry {
  return {
    index: bytes.readInt32LE(start + 4),
    state: bytes.readUInt16LE(start + 8),
    flags: bytes.readUInt8(start + 10),
  }
}

/** Whether frames for it go to the host. */
function isOwn({ state }: BridgeEntry): boolean {
  return (state & k.NUD_PERMANENT) !== 0
}
