import { isLeastPreferred, type Route } from '../bgp/rib/route.ts'
import { type ExtendedCommunity, isArpNd, isRouter } from '../bgp/values/extended-community.ts'
import { type Ip, isIpv4, isLinkLocal, whyNoHost } from '../values/address.ts'
import { assert } from '../values/assert.ts'
import { addressKey, type Key, KeyMap } from '../values/key-map.ts'
import type { Mac } from '../values/mac.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import type { EvpnEndpoint } from './endpoint.ts'
import type { Gateway, MacVrfForwarding } from './forwarding.ts'
import {
  leadsToGateway,
  type MacRoute,
  type MacSelectionContext,
  selectMacRoute,
  unusableMac,
} from './select.ts'

type Address = Pick<EvpnEndpoint, 'mac' | 'ip'>

/** The MAC and IP addresses of one MAC-VRF: each is local, or at the next hop of its best route. */
export class Addresses {
  /** VRFs with an IRB into the instance. */
  gateways: readonly Gateway[] = []
  /** Decides which routes are usable. */
  context: MacSelectionContext
  private readonly forwarding: MacVrfForwarding
  /** How many endpoints have the address. */
  private readonly localMacs = new Map<Mac, number>()
  private readonly localIps = new Map<Ip, number>()
  /** Addresses that are attached here and advertised by peers, by since when, on the monotonic clock. */
  private readonly shared = new Map<Mac | Ip, number>()
  private readonly now: () => number
  private readonly byMac = new KeyMap<Mac, Found>()
  private readonly byIp = new KeyMap<Key, Found>()

  /** `vtep`: our VTEP address. */
  constructor(vtep: Ip, ends: TunnelEnds, forwarding: MacVrfForwarding, now: () => number) {
    this.now = now
    this.forwarding = forwarding
    this.context = { vtep, ends, gateways: this.gateways }
  }

  setGateways(gateways: readonly Gateway[]): void {
    const before = this.gateways
    const concerned = [...before, ...gateways]
    this.gateways = gateways
    this.context = { ...this.context, gateways }
    for (const mac of new Set(concerned.map(({ mac }) => mac)))
      for (const { nlri } of this.routesTo(mac)) this.refresh(nlri)
    for (const ip of new Set(concerned.flatMap(({ ips }) => [...ips])))
      this.refreshIp(ip, this.byIp.get(addressKey(ip)))
    if (before.length > 0 !== gateways.length > 0) this.refreshWhere(leadsToGateway)
  }

  /** These addresses may have become, or ceased to be, the end of a tunnel. */
  endsChanged(changed: ReadonlySet<Ip>): void {
    this.refreshWhere(({ set }) => set.nextHop !== null && changed.has(set.nextHop))
  }

  /** One more endpoint has the address. */
  arrive(address: Address): void {
    const { mac, ip } = address
    this.localMacs.set(mac, (this.localMacs.get(mac) ?? 0) + 1)
    if (ip !== null) this.localIps.set(ip, (this.localIps.get(ip) ?? 0) + 1)
    this.refresh(address)
  }

  depart(address: Address): void {
    const { mac, ip } = address
    release(this.localMacs, mac)
    if (ip !== null) release(this.localIps, ip)
    this.refresh(address)
  }

  /** Whether an endpoint has the address. */
  isLocal(mac: Mac): boolean {
    return this.localMacs.has(mac)
  }

  /** Adds a route, in place of `before`, which has the same key. */
  learn(route: MacRoute, before: Route | undefined): void {
    const { nlri } = route
    if (before !== undefined) this.drop(nlri, before)
    this.refreshMac(nlri.mac, add(this.byMac, nlri.mac, route))
    if (nlri.ip !== null) this.refreshIp(nlri.ip, add(this.byIp, addressKey(nlri.ip), route))
  }

  /** A route has become stale, or is no longer: it ranks differently where its MAC or IP address has several. */
  relearn({ nlri: { mac, ip } }: MacRoute): void {
    const toMac = this.byMac.get(mac)
    if (hasSeveral(toMac)) this.refreshMac(mac, toMac)
    if (ip === null) return
    const toIp = this.byIp.get(addressKey(ip))
    if (hasSeveral(toIp)) this.refreshIp(ip, toIp)
  }

  unlearn(route: MacRoute): void {
    const { mac, ip } = route.nlri
    this.refreshMac(mac, without(this.byMac, mac, route))
    if (ip !== null) this.refreshIp(ip, without(this.byIp, addressKey(ip), route))
  }

  isLocalIp(ip: Ip): boolean {
    return this.localIps.has(ip)
  }

  routesTo(mac: Mac): readonly MacRoute[] {
    return all(this.byMac.get(mac))
  }

  routesToIp(ip: Ip): readonly MacRoute[] {
    return all(this.byIp.get(addressKey(ip)))
  }

  /** The routes to each MAC address that has any, though routes come and go during iteration; an address that goes and comes back may be yielded twice. */
  *learned(): Iterable<readonly [MacRoute, ...MacRoute[]]> {
    for (const [mac] of this.byMac) {
      const [first, ...more] = this.routesTo(mac)
      if (first !== undefined) yield [first, ...more]
    }
  }

  /** MAC and IP addresses that are attached here and advertised by peers, and have been for this long, with a peer's route; stale ones do not count. */
  *sharedFor(ms: number): Iterable<{ readonly address: Mac | Ip; readonly route: MacRoute }> {
    for (const [address, since] of this.shared) {
      const routes = typeof address === 'number' ? this.routesTo(address) : this.routesToIp(address)
      const route = routes.find((one) => !isLeastPreferred(one))
      if (route !== undefined && this.now() - since >= ms) yield { address, route }
    }
  }

  private refreshWhere(isConcerned: (route: MacRoute) => boolean): void {
    for (const [, found] of this.byMac)
      for (const route of all(found)) if (isConcerned(route)) this.refresh(route.nlri)
  }

  private drop({ mac, ip }: Address, route: Route): void {
    without(this.byMac, mac, route)
    if (ip !== null) without(this.byIp, addressKey(ip), route)
  }

  private refresh({ mac, ip }: Address): void {
    this.refreshMac(mac, this.byMac.get(mac))
    if (ip !== null) this.refreshIp(ip, this.byIp.get(addressKey(ip)))
  }

  private noteShared(address: Mac | Ip, isShared: boolean): void {
    if (isShared && !this.shared.has(address)) this.shared.set(address, this.now())
    if (!isShared && this.shared.size > 0) this.shared.delete(address)
  }

  private gatewayAt(ip: Ip): Gateway | undefined {
    for (const gateway of this.gateways) if (gateway.ips.has(ip)) return gateway
    return undefined
  }

  private refreshMac(mac: Mac, found: Found | undefined): void {
    const isLocal = this.isLocal(mac)
    this.noteShared(mac, isLocal && found !== undefined)
    const best = isLocal ? undefined : select(found, this.context)
    if (best === undefined) this.forwarding.removeRemoteMac(mac)
    else this.forwarding.setRemoteMac(mac, best.set.nextHop!, best.nlri.label)
  }

  private refreshIp(ip: Ip, found: Found | undefined): void {
    const isLocal = this.isLocalIp(ip)
    this.noteShared(ip, isLocal && found !== undefined)
    const gateway = this.gatewayAt(ip)
    if (gateway !== undefined) return this.forwarding.setNeighbour(ip, gateway.mac, !isIpv4(ip))
    // a local address answers for itself
    const isAnswered = found !== undefined && !isLocal && whyNoHost(ip) === null
    const best = isAnswered ? select(found, this.context) : undefined
    if (best === undefined) return this.forwarding.removeNeighbour(ip)
    this.forwarding.setNeighbour(
      ip,
      best.nlri.mac,
      isOfRouter(ip, best.set.attributes.extendedCommunities ?? []),
    )
  }
}

/**
 * Whether answers for a remote address say that it is a router: as its route does (RFC 9047), and where that says nothing, of a link-local
 * address. Default routers have these, and a VM drops one that answers as a host (RFC 4861 §7.2.5); of a host the flag has no effect.
 */
function isOfRouter(ip: Ip, communities: readonly ExtendedCommunity[]): boolean {
  if (isIpv4(ip)) return false
  return communities.some(isRouter) || (isLinkLocal(ip) && !communities.some(isArpNd))
}

/** Routes to one address. Most often there is one: a list would double its memory. */
type Found = MacRoute | readonly MacRoute[]

const NONE: readonly never[] = []

function all(found: Found | undefined): readonly MacRoute[] {
  if (found === undefined) return NONE
  return isList(found) ? found : [found]
}

function hasSeveral(found: Found | undefined): boolean {
  return found !== undefined && isList(found)
}

function isList(found: Found): found is readonly MacRoute[] {
  return Array.isArray(found)
}

/** Removes one user. */
function release<K>(counts: Map<K, number>, key: K): void {
  const count = (counts.get(key) ?? 0) - 1
  assert(count >= 0, 'an address leaves that no endpoint has')
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}

/** Removes a route; returns the remaining ones. */
function without<K extends Key>(index: KeyMap<K, Found>, key: K, route: Route): Found | undefined {
  const found = index.take(key)
  if (found === undefined || found === route) return undefined
  const left = all(found).filter((other) => other !== route)
  const [first, ...more] = left
  if (first === undefined) return undefined
  return put(index, key, more.length === 0 ? first : left)
}

/** Adds a route; returns all. */
function add<K extends Key>(index: KeyMap<K, Found>, key: K, route: MacRoute): Found {
  const found = index.get(key)
  return put(index, key, found === undefined ? route : [...all(found), route])
}

function put<K extends Key>(index: KeyMap<K, Found>, key: K, found: Found): Found {
  index.set(key, found)
  return found
}

/** The best usable one. */
function select(found: Found | undefined, context: MacSelectionContext): MacRoute | undefined {
  if (found === undefined) return undefined
  if (isList(found)) return selectMacRoute(found, context)
  return unusableMac(found, context) === null ? found : undefined
}
