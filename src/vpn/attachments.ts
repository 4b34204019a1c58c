import { RequestError } from '../api/errors.ts'
import type { EvpnEndpoint } from '../evpn/endpoint.ts'
import type { IpEndpoint } from '../ipvpn/endpoint.ts'
import { formatIp, type Ip } from '../values/address.ts'
import { assert } from '../values/assert.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import { ensure } from '../values/map.ts'
import type { DetachRequest, RequestedEndpoint, ResolvedRequest } from './request.ts'

/** An endpoint as it is attached, whatever the type of its VPN. */
export interface Attachment extends EvpnEndpoint, IpEndpoint {
  /** It is to-port though the agent asked for both directions: when it was attached, another IP VPN had what its port sends. */
  readonly confined: boolean
  /** Any JSON, for people to read. */
  readonly description: unknown
}

/** The route distinguisher numbers of an attachment. */
export function rdNumbersOf({
  rdNumber,
  readvertiseRd,
}: Pick<Attachment, 'rdNumber' | 'readvertiseRd'>): number[] {
  return [rdNumber, readvertiseRd].filter((number) => number !== null)
}

/** Allocates the numbers of attachments. Both throw `RequestError` when there are none left. */
export interface NumberSource {
  label(): number
  rd(): number
}

/** The planned effect of an attach. */
export interface AttachPlan {
  readonly add: Attachment
  /** The present attachment, where the same endpoint is attached already. */
  readonly before: Attachment | null
  /** Endpoints that it replaces. */
  readonly remove: readonly Attachment[]
  /** Other attachments that get a number. */
  readonly change: readonly Attachment[]
}

/** The plan of an attach whose endpoint is covered by another one. */
export type CoveredPlan = Pick<AttachPlan, 'change'>

/**
 * The endpoints of one instance and the rules between them: a MAC address is behind one port, an IP address belongs to
 * one MAC address unless all of them advertise its subnet, and an endpoint without address (a wildcard) is replaced by the first with one.
 */
export class Attachments {
  private readonly byMac = new Map<Mac, Map<Ip | null, Attachment>>()
  /** A MAC address is behind one port. */
  private readonly macsBehind = new Map<string, Set<Mac>>()
  /** Owners of an address, and whether they have its whole subnet, which they may share. */
  private readonly owners = new Map<Ip, Map<Mac, boolean>>()

  get isEmpty(): boolean {
    return this.byMac.size === 0
  }

  *[Symbol.iterator](): Iterator<Attachment> {
    for (const attachments of this.byMac.values()) yield* attachments.values()
  }

  /** What the request would change. `readvertises`: the instance re-advertises routes. Throws `RequestError`. */
  plan(request: ResolvedRequest, numbers: NumberSource, readvertises: boolean): AttachPlan | CoveredPlan {
    const { mac, port, irb, confined, ip: address } = request
    const ip = address?.ip ?? null
    const present = this.byMac.get(mac)
    const first = present?.values().next().value
    if (first !== undefined && first.port !== port) {
      throw new RequestError(
        'ENDPOINT_CONFLICT',
        `Port information is not consistent. MAC address ${formatMac(mac)} cannot be bound to two different ports: it is bound to ${first.port}, not ${port}`,
      )
    }
    this.checkOwner(mac, ip, request.advertiseSubnet)
    if (ip === null && present !== undefined && !present.has(null))
      return { change: readvertises ? this.numbered(null, numbers) : [] }
    const wildcard = ip === null ? undefined : present?.get(null)
    const before = present?.get(ip) ?? null
    const ownRd = request.advertiseSubnet && ip !== null
    const rdNumber = ownRd ? (before?.rdNumber ?? numbers.rd()) : null
    if (request.type === 'ipvpn' && irb === null) this.checkDirection(request, before)
    const known = before?.readvertiseRd ?? null
    const readvertiseRd = readvertises && ip !== null ? (known ?? numbers.rd()) : known
    const prefixLength = address?.prefixLength ?? null
    const label = first?.label ?? numbers.label()
    return {
      add: { ...asked(request), port, irb, confined, ip, prefixLength, label, rdNumber, readvertiseRd },
      before,
      remove: wildcard === undefined ? [] : [wildcard],
      change: readvertises ? this.numbered(before, numbers) : [],
    }
  }

  commit(plan: Omit<AttachPlan, 'before'> | CoveredPlan): void {
    for (const attachment of plan.change) this.byMac.get(attachment.mac)?.set(attachment.ip, attachment)
    if (!('add' in plan)) return
    const { add, remove } = plan
    for (const attachment of remove) this.remove(attachment)
    const attachments = this.byMac.get(add.mac)
    if (attachments === undefined) this.byMac.set(add.mac, new Map([[add.ip, add]]))
    else attachments.set(add.ip, add)
    ensure(this.macsBehind, add.port, () => new Set()).add(add.mac)
    if (add.ip !== null) ensure(this.owners, add.ip, () => new Map()).set(add.mac, add.advertiseSubnet)
  }

  /** The endpoints that a detach removes: one, or all of the MAC address. Throws `RequestError` when there are none. */
  named({ mac, ip }: DetachRequest): readonly Attachment[] {
    const present = this.byMac.get(mac)
    if (present === undefined) {
      throw new RequestError(
        'ENDPOINT_UNKNOWN',
        `Endpoint (${formatMac(mac)}, ${ip === null ? 'any address' : formatIp(ip)}) is not plugged, can't unplug`,
      )
    }
    if (ip === null) return [...present.values()]
    this.checkOwner(mac, ip, true)
    const attachment = present.get(ip)
    if (attachment !== undefined) return [attachment]
    throw new RequestError(
      'ENDPOINT_UNKNOWN',
      `Inconsistent endpoint info: IP ${formatIp(ip)} is not bound to MAC address ${formatMac(mac)}`,
    )
  }

  remove({ mac, ip, port }: Attachment): void {
    const attachments = this.byMac.get(mac)
    assert(attachments?.delete(ip) === true, 'an endpoint that is removed is not attached', port)
    if (attachments.size === 0) this.forget(mac, port)
    if (ip === null) return
    const owners = this.owners.get(ip)
    assert(owners?.delete(mac) === true, 'the address of an endpoint has no owner', port)
    if (owners.size === 0) this.owners.delete(ip)
  }

  has(mac: Mac): boolean {
    return this.byMac.has(mac)
  }

  /** The attachments of this MAC address. */
  of(mac: Mac): Iterable<Attachment> {
    return this.byMac.get(mac)?.values() ?? []
  }

  /** Whether the endpoint of a detach exists. */
  covers({ mac, ip }: Pick<DetachRequest, 'mac' | 'ip'>): boolean {
    return ip === null ? this.has(mac) : this.get(mac, ip) !== undefined
  }

  /** The attachment of these addresses. */
  get(mac: Mac, ip: Ip | null): Attachment | undefined {
    return this.byMac.get(mac)?.get(ip)
  }

  /** The attachments behind this port. */
  behind(port: string): Attachment[] {
    return [...(this.macsBehind.get(port) ?? [])].flatMap((mac) => [...this.of(mac)])
  }

  private forget(mac: Mac, port: string): void {
    this.byMac.delete(mac)
    const macs = this.macsBehind.get(port)
    assert(macs?.delete(mac) === true, 'a MAC address is not behind its port', port)
    if (macs.size === 0) this.macsBehind.delete(port)
  }

  /** A VRF accepts everything that a port sends, or nothing. What is confined was asked to send. */
  private checkDirection({ port, direction }: ResolvedRequest, before: Attachment | null): void {
    const silent = direction === 'to-port'
    for (const other of this.behind(port)) {
      if (other === before || other.confined || (other.direction === 'to-port') === silent) continue
      throw new RequestError(
        'PORT_CONFLICT',
        `direction: interface ${port} ${silent ? 'may send already' : 'may not send'}, since ${formatMac(other.mac)} ${other.ip === null ? '' : `(${formatIp(other.ip)}) `}on it is ${other.direction}`,
      )
    }
  }

  /** Endpoints, except this one, that lack a number for re-advertised routes, with a new one. */
  private numbered(but: Attachment | null, numbers: NumberSource): Attachment[] {
    return [...this]
      .filter((one) => one !== but && one.ip !== null && one.readvertiseRd === null)
      .map((one) => ({ ...one, readvertiseRd: numbers.rd() }))
  }

  private checkOwner(mac: Mac, ip: Ip | null, wholeSubnet: boolean): void {
    const owners = ip === null ? undefined : this.owners.get(ip)
    if (ip === null || owners === undefined) return
    for (const [owner, itsSubnet] of owners) {
      if (owner === mac || (wholeSubnet && itsSubnet)) continue
      throw new RequestError(
        'ENDPOINT_CONFLICT',
        `Inconsistent endpoint info: IP ${formatIp(ip)} already bound to a MAC address different from ${formatMac(mac)} (${formatMac(owner)})`,
      )
    }
  }
}

/** What a request says of its endpoint alone. */
function asked(request: RequestedEndpoint): RequestedEndpoint {
  const { mac, direction, localPref, sticky, gatewayIp, hashOrder, advertiseSubnet, description } = request
  return { mac, direction, localPref, sticky, gatewayIp, hashOrder, advertiseSubnet, description }
}
