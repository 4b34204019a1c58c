import type { Ip } from '../values/address.ts'
import { ensure } from '../values/map.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import type { MacVrfForwarding } from './forwarding.ts'
import { floodEnd, floodTunnel, type MulticastRoute, type VxlanTunnel } from './select.ts'

/** The flood list of one MAC-VRF: the VTEPs in multicast routes, which get its BUM traffic. */
export class FloodList {
  private readonly vtep: Ip
  private readonly ends: TunnelEnds
  private readonly forwarding: MacVrfForwarding
  /** Routes by their keys, and the tunnel of each, null where it is unusable. */
  private readonly routes = new Map<
    string,
    { readonly route: MulticastRoute; readonly tunnel: VxlanTunnel | null }
  >()
  /** The number of routes with a tunnel. */
  private readonly users = new Map<string, number>()

  /** `vtep`: our VTEP address. */
  constructor(vtep: Ip, ends: TunnelEnds, forwarding: MacVrfForwarding) {
    this.vtep = vtep
    this.ends = ends
    this.forwarding = forwarding
  }

  learn(route: MulticastRoute): void {
    const found = floodTunnel(route, { vtep: this.vtep, ends: this.ends })
    const tunnel = 'reason' in found ? null : found
    this.routes.set(route.key, { route, tunnel })
    if (tunnel === null) return
    const key = vxlanTunnelKey(tunnel)
    this.users.set(key, ensure(this.users, key, () => 0) + 1)
    this.forwarding.addFlood(tunnel)
  }

  unlearn({ key: routeKey }: MulticastRoute): void {
    const tunnel = this.routes.get(routeKey)?.tunnel ?? null
    this.routes.delete(routeKey)
    if (tunnel === null) return
    const key = vxlanTunnelKey(tunnel)
    const left = ensure(this.users, key, () => 1) - 1
    if (left > 0) {
      this.users.set(key, left)
      return
    }
    this.users.delete(key)
    this.forwarding.removeFlood(tunnel)
  }

  /** These addresses may have become, or ceased to be, the end of a tunnel. */
  endsChanged(changed: ReadonlySet<Ip>): void {
    for (const { route } of [...this.routes.values()]) {
      const end = floodEnd(route.set)
      if (end === undefined || !changed.has(end)) continue
      this.unlearn(route)
      this.learn(route)
    }
  }
}

function vxlanTunnelKey({ dst, vni }: VxlanTunnel): string {
  return `${vni} ${dst}`
}
