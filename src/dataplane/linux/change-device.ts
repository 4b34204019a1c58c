import { isOwned, type Link } from '../driver.ts'
import { type DeviceEntry, isPortEntry, kernelKind, type LinkEntry, linkDefinition } from '../kinds/index.ts'
import { isExternal } from '../kinds/link-step.ts'
import { missing, notOwned, type Refusal, reworded } from '../refusal.ts'
import * as k from './constants.ts'
import * as encode from './encode.ts'
import { adjustLink, createLink } from './encode-link.ts'
import { linuxLink, linuxLinkOf, linuxPort } from './kinds/index.ts'
import type { DeviceTools } from './kinds/link-definition.ts'
import type { Links } from './links.ts'
import type { LinkRemover } from './remove-links.ts'
import { firstOf, type Requests } from './requests.ts'
import { flushIpv6 } from './sysctl.ts'

/** Carries out changes of links and ports, one by one. */
export class DeviceChanger {
  private readonly tools: DeviceTools
  private readonly requests: Requests
  private readonly links: Links
  private readonly remover: LinkRemover

  constructor(tools: DeviceTools, remover: LinkRemover) {
    this.tools = tools
    this.requests = tools.requests
    this.links = tools.links
    this.remover = remover
  }

  set(entry: DeviceEntry): Refusal | null {
    return isPortEntry(entry) ? linuxPort(entry.kind).set(entry, this.tools) : this.setLink(entry)
  }

  remove(entry: DeviceEntry, enslaved: number | null): Refusal | null {
    if (isPortEntry(entry)) return linuxPort(entry.kind).remove(entry, this.tools, enslaved)
    return this.remover.remove([entry]).get(0) ?? null
  }

  /** Gives a renamed owned link its name back. It cannot tell the two ends of a pair apart. */
  reclaim(entry: LinkEntry): Link | undefined {
    const isEnd = linkDefinition(entry.kind).otherEnd !== undefined
    const stray = isEnd ? undefined : this.links.strayOf(entry.alias, kernelKind(entry))
    if (stray === undefined) return undefined
    encode.rename(this.requests, stray.index, entry.device)
    if (this.requests.send().size > 0) {
      encode.setUp(this.requests, stray.index, false)
      encode.rename(this.requests, stray.index, entry.device)
      this.requests.send()
    }
    return this.links.get(entry.device)
  }

  /** Renames an owned link as it is, up or down; answers whether the kernel did. */
  rename(device: string, name: string): boolean {
    const link = this.links.get(device)
    if (link === undefined || !isOwned(link)) return false
    encode.rename(this.requests, link.index, name)
    if (this.requests.send().size > 0) return false
    this.links.renamed(link)
    return true
  }

  setUp(device: string): Refusal | null {
    const link = this.links.get(device)
    if (link === undefined) return missing(device)
    encode.setUp(this.requests, link.index, true)
    const [refusal] = this.requests.send().values()
    if (refusal !== undefined && isOwned(link)) {
      const isSpoilt = linuxLinkOf(link.kind)?.isSpoilt?.(link, refusal.errno, this.links)
      if (isSpoilt) this.deleteNow(link.index)
    }
    return refusal ?? null
  }

  private setLink(entry: LinkEntry): Refusal | null {
    const definition = linuxLink(entry.kind)
    const link = this.links.get(entry.device)
    if (link !== undefined && !isOwned(link)) {
      if (!isExternal(entry)) return notOwned(link)
      definition.adopt?.(link, this.tools)
      return null
    }
    const impossible = link === undefined ? definition.prepare?.(entry, this.tools) : null
    if (impossible) return impossible
    if (link === undefined) {
      const zeroChecksums = definition.takesZeroChecksums?.(entry, this.links) ?? true
      createLink(this.requests, entry, zeroChecksums)
    }
    adjustLink(this.requests, entry, link, this.links)
    if (link?.protoDown) encode.endProtoDown(this.requests, link.index)
    const refusals = this.requests.send()
    const first = link === undefined ? refusals.get(0) : undefined
    if (first !== undefined) return reworded(first, (text) => `${text}${remedy(entry, first.errno)}`)
    if (link === undefined && refusals.size > 0) this.rollBack(entry.device)
    return firstOf(refusals) ?? this.tune(entry)
  }

  /** Applies the permanent settings of an owned link. */
  private tune(entry: LinkEntry): Refusal | null {
    const link = this.links.get(entry.device)
    if (link === undefined) return null
    const { tune, isInNetwork, settingsOf } = linuxLink(entry.kind)
    const refusal = tune?.(entry, link, this.tools) ?? null
    if (isInNetwork) this.clearAddresses(link)
    return refusal ?? this.tools.sysctls.apply(settingsOf?.(link.name) ?? [], link.index)
  }

  /** Removes the IPv6 state that a device had before it stopped getting addresses; the neighbours are set again. */
  private clearAddresses(link: Link): void {
    encode.setNoAddresses(this.requests, link.index)
    const isRefused = this.requests.send().size > 0
    if (!isRefused && link.up && !link.tuned) flushIpv6(link.name)
  }

  /** Deletes a link that could be created but not marked as owned. */
  private rollBack(device: string): void {
    const link = this.links.get(device)
    if (link !== undefined) this.deleteNow(link.index)
  }

  private deleteNow(index: number): void {
    encode.deleteLink(this.requests, index)
    this.requests.send()
  }
}

/** The remedy for a link that cannot be created, where there is a known one. */
function remedy(entry: LinkEntry, errno: number | null): string {
  const { kernelKinds, remedy: ofKind } = linuxLink(entry.kind)
  const module = errno === k.EOPNOTSUPP ? kernelKinds.get(kernelKind(entry)) : null
  return module ? `: modprobe ${module}` : (ofKind?.(entry, errno) ?? '')
}
