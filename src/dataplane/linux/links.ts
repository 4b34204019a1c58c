import type { Link } from '../driver.ts'
import * as k from './constants.ts'
import { dumpLinks, getLink } from './encode.ts'
import type { Message } from './message.ts'
import { type RawLink, readLink, readLinkName } from './observe.ts'
import { dump, exhaust, type Requests } from './requests.ts'

/** Interfaces by name and index: what the kernel told of them last, for looking up; `get` asks the kernel. */
export class Links {
  private readonly requests: Requests
  private readonly names = new Map<number, string>()
  private readonly known = new Map<string, Link>()

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

  /** Takes in a notification; returns the names that it concerns. */
  heed(message: Message): string[] {
    const { index, name, family } = readLinkName(message)
    const before = this.names.get(index)
    // of a bridge's family it only tells that the link is no port any more
    if (message.type === k.RTM_DELLINK && family === k.AF_UNSPEC) this.names.delete(index)
    else this.names.set(index, name)
    const names = before === undefined || before === name ? [name] : [before, name]
    for (const each of names) this.known.delete(each)
    return names
  }

  private remember(raw: RawLink): Link {
    this.names.set(raw.index, raw.name)
    const link = { ...raw, master: raw.master === 0 ? null : (this.nameOf(raw.master) ?? null) }
    this.known.set(link.name, link)
    return link
  }
}
