import { elsewhere, foreign, isOurs, type Link, missing, type Refused, shared, unbridged } from '../driver.ts'
import type { DeviceEntry, TableEntry } from '../layout.ts'
import type { Bridge, Port, RemoteMac, Vxlan } from '../model.ts'
import * as k from './constants.ts'
import * as encode from './encode.ts'
import type { Links } from './links.ts'
import type { Refusal, Refusals, Requests } from './requests.ts'

/** What the kernel says where something to remove is not there. */
const ABSENT = [k.ENOENT, k.ENODEV, k.EOPNOTSUPP]

const MESSAGES_A_SEND = 64

/** Carries out changes: of entries with one message each, many a send; of links and ports one by one. */
export class Changer {
  private readonly requests: Requests
  private readonly links: Links

  constructor(requests: Requests, links: Links) {
    this.requests = requests
    this.links = links
  }

  set(entries: readonly TableEntry[]): Refused {
    return this.send(entries, encode.setEntry, ({ errno, text }, entry) => {
      return entry.kind === 'local-mac' && errno === k.EOPNOTSUPP ? unbridged(entry.device) : text
    })
  }

  remove(entries: readonly TableEntry[]): Refused {
    return this.send(entries, encode.removeEntry, (refusal, entry) => {
      // without the bridge's half, or with it behind another port, the kernel does not try the VXLAN device's
      if (entry.kind === 'remote-mac') return this.removeSelf(entry)
      return unlessAbsent(refusal)
    })
  }

  setDevice(entry: DeviceEntry): string | null {
    return entry.kind === 'port' ? this.setPort(entry) : this.setLink(entry)
  }

  removeDevice(entry: DeviceEntry): string | null {
    return entry.kind === 'port' ? this.removePort(entry) : this.removeLink(entry)
  }

  /** `judge` tells why a refusal counts, or null where it does not. */
  private send(
    entries: readonly TableEntry[],
    write: (batch: encode.Batch, entry: TableEntry, link: Link) => void,
    judge: (refusal: Refusal, entry: TableEntry) => string | null,
  ): Refused {
    const refused = new Map<number, string>()
    const sent: number[] = []
    const flush = () => {
      for (const [position, refusal] of this.requests.send()) {
        const i = sent[position] ?? -1
        const entry = entries[i]
        const reason = entry === undefined ? null : judge(refusal, entry)
        if (reason !== null) refused.set(i, reason)
      }
      sent.length = 0
    }
    let link: Link | undefined
    for (const [i, entry] of entries.entries()) {
      if (link?.name !== entry.device) link = this.links.lookUp(entry.device)
      if (link === undefined) {
        if (write === encode.setEntry) refused.set(i, missing(entry.device))
        continue
      }
      write(this.requests, entry, link)
      if (sent.push(i) === MESSAGES_A_SEND) flush()
    }
    flush()
    return refused
  }

  private removeSelf(entry: RemoteMac): string | null {
    const link = this.links.lookUp(entry.device)
    if (link === undefined) return null
    encode.removeSelf(this.requests, entry, link)
    for (const refusal of this.requests.send().values()) return unlessAbsent(refusal)
    return null
  }

  private setLink(entry: Bridge | Vxlan): string | null {
    const link = this.links.get(entry.device)
    if (link !== undefined && !isOurs(link)) return foreign(link)
    if (link === undefined) encode.createLink(this.requests, entry)
    encode.adjustLink(this.requests, entry)
    const refusals = this.requests.send()
    if (link === undefined && !refusals.has(0) && refusals.size > 0) this.rollBack(entry.device)
    return firstText(refusals)
  }

  /** Deletes a link that could be created but not marked as ours. */
  private rollBack(device: string): void {
    const link = this.links.get(device)
    if (link === undefined) return
    encode.deleteLink(this.requests, link.index)
    this.requests.send()
  }

  private removeLink(entry: Bridge | Vxlan): string | null {
    const link = this.links.get(entry.device)
    if (link === undefined || !isOurs(link)) return null
    const ports = entry.kind === 'bridge' && entry.given ? this.links.all(link.index) : []
    if (ports.length > 0)
      return shared(
        entry.device,
        ports.map(({ name }) => name),
      )
    encode.deleteLink(this.requests, link.index)
    return firstText(this.requests.send())
  }

  private setPort(port: Port): string | null {
    const link = this.links.get(port.device)
    if (link === undefined) return missing(port.device)
    const bridge = this.links.get(port.bridge)
    if (bridge === undefined) return missing(port.bridge)
    if (port.given && link.master !== null && link.master !== port.bridge)
      return elsewhere(port.device, link.master)
    if (link.master !== port.bridge) encode.setMaster(this.requests, link.index, bridge.index)
    if (!port.given) encode.setPortOptions(this.requests, link.index, port)
    return firstText(this.requests.send())
  }

  private removePort({ device, bridge, given }: Port): string | null {
    const link = this.links.get(device)
    if (link?.master !== bridge) return null
    const master = given ? this.links.get(bridge) : undefined
    if (master !== undefined && !isOurs(master)) return null
    encode.setMaster(this.requests, link.index, 0)
    return firstText(this.requests.send())
  }
}

function firstText(refusals: Refusals): string | null {
  for (const { text } of refusals.values()) return text
  return null
}

function unlessAbsent({ errno, text }: Refusal): string | null {
  return ABSENT.includes(errno) ? null : text
}
