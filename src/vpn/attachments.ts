import type { Endpoint } from '../evpn/endpoint.ts'
import { formatIp, type Ip } from '../values/address.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import { type AttachRequest, type DetachRequest, Rejected } from './request.ts'

/** An endpoint and what people are shown of it. */
export interface Attachment extends Endpoint {
  /** Of the subnet, as the agent gave it; null without an address. */
  readonly prefixLength: number | null
  /** MPLS label, one for each MAC address. */
  readonly label: number
  readonly description: unknown
}

/** What an attach amounts to. */
export interface Plan {
  readonly add: Attachment
  /** Endpoints whose place it takes. */
  readonly remove: readonly Attachment[]
  /** Nothing was attached with this MAC address before. */
  readonly isNewMac: boolean
}

/**
 * The endpoints of one instance and the rules between them: a MAC address is behind one port, an IP address belongs to
 * one MAC address, and an endpoint without address (a wildcard) gives way to the first with one.
 */
export class Attachments {
  private readonly byMac = new Map<Mac, Map<Ip | null, Attachment>>()
  private readonly macOf = new Map<Ip, Mac>()

  get isEmpty(): boolean {
    return this.byMac.size === 0
  }

  *[Symbol.iterator](): Iterator<Attachment> {
    for (const attachments of this.byMac.values()) yield* attachments.values()
  }

  /** What the request would change; null when its endpoint is covered already. Throws `Rejected`. */
  plan(request: AttachRequest, newLabel: () => number): Plan | null {
    const { mac, port, ip: address, localPref, direction, sticky, description } = request
    const ip = address?.ip ?? null
    const present = this.byMac.get(mac)
    const first = present?.values().next().value
    if (first !== undefined && first.port !== port) {
      throw new Rejected(
        `Port information is not consistent. MAC address ${formatMac(mac)} cannot be bound to two different ports: it is bound to ${first.port}, not ${port}`,
      )
    }
    this.checkOwner(mac, ip)
    if (ip === null && present !== undefined && !present.has(null)) return null
    const wildcard = ip === null ? undefined : present?.get(null)
    const prefixLength = address?.prefixLength ?? null
    const label = first?.label ?? newLabel()
    return {
      add: { mac, ip, port, localPref, direction, sticky, prefixLength, label, description },
      remove: wildcard === undefined ? [] : [wildcard],
      isNewMac: present === undefined,
    }
  }

  commit({ add, remove }: Plan): void {
    for (const attachment of remove) this.remove(attachment)
    const attachments = this.byMac.get(add.mac)
    if (attachments === undefined) this.byMac.set(add.mac, new Map([[add.ip, add]]))
    else attachments.set(add.ip, add)
    if (add.ip !== null) this.macOf.set(add.ip, add.mac)
  }

  /** The endpoints that a detach names: one, or all of the MAC address. Throws `Rejected` when there are none. */
  named({ mac, ip }: DetachRequest): readonly Attachment[] {
    const present = this.byMac.get(mac)
    if (present === undefined) {
      throw new Rejected(
        `Endpoint (${formatMac(mac)}, ${ip === null ? 'any address' : formatIp(ip)}) is not plugged, can't unplug`,
      )
    }
    if (ip === null) return [...present.values()]
    this.checkOwner(mac, ip)
    const attachment = present.get(ip)
    if (attachment !== undefined) return [attachment]
    throw new Rejected(
      `Inconsistent endpoint info: IP ${formatIp(ip)} is not bound to MAC address ${formatMac(mac)}`,
    )
  }

  remove({ mac, ip }: Attachment): void {
    const attachments = this.byMac.get(mac)
    attachments?.delete(ip)
    if (attachments?.size === 0) this.byMac.delete(mac)
    if (ip !== null) this.macOf.delete(ip)
  }

  has(mac: Mac): boolean {
    return this.byMac.has(mac)
  }

  usesPort(port: string): boolean {
    for (const attachment of this) if (attachment.port === port) return true
    return false
  }

  private checkOwner(mac: Mac, ip: Ip | null): void {
    const owner = ip === null ? undefined : this.macOf.get(ip)
    if (ip === null || owner === undefined || owner === mac) return
    throw new Rejected(
      `Inconsistent endpoint info: IP ${formatIp(ip)} already bound to a MAC address different from ${formatMac(mac)} (${formatMac(owner)})`,
    )
  }
}
