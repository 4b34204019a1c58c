import type { Dataplane, Flood } from '../dataplane/model.ts'
import type { Ip } from '../values/address.ts'
import { ensure } from '../values/map.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import type { MacVrfBinding } from './project.ts'
import { floodEnd, floodTunnel, type MulticastRoute } from './select.ts'

/** The flood list of one MAC-VRF: the VTEPs in multicast routes, which get its BUM traffic. */
export class FloodList {
  private readonly binding: MacVrfBinding
  private readonly ends: TunnelEnds
  private readonly dataplane: Dataplane
  /** Routes by their keys, and the tunnel of each, null where it is unusable. */
  private readonly routes = new Map<
    string,
    { readonly route: MulticastRoute; readonly entry: Flood | null }
  >()
  /** The number of routes with a tunnel. */
  private readonly users = new Map<string, number>()

  constructor(binding: MacVrfBinding, ends: TunnelEnds, dataplane: Dataplane) {
    this.binding = binding
    this.ends = ends
    this.dataplane = dataplane
  }

  learn(route: MulticastRoute): void {
    const { vtep, devices } = this.binding
    const tunnel = floodTunnel(route, { vtep, ends: this.ends })
    const entry: Flood | null =
      'reason' in tunnel ? null : { kind: 'flood', device: devices.vxlan, ...tunnel }
    this.routes.set(route.key, { route, entry })
    if (entry === null) return
    const key = vtepKey(entry)
    this.users.set(key, ensure(this.users, key, () => 0) + 1)
    this.dataplane.want(entry)
  }

  unlearn({ key: routeKey }: MulticastRoute): void {
    const entry = this.routes.get(routeKey)?.entry ?? null
    this.routes.delete(routeKey)
    if (entry === null) return
    const key = vtepKey(entry)
    const left = ensure(this.users, key, () => 1) - 1
    if (left > 0) {
      this.users.set(key, left)
      return
    }
    this.users.delete(key)
    this.dataplane.unwant(entry)
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

function vtepKey({ dst, vni }: Pick<Flood, 'dst' | 'vni'>): string {
  return `${vni} ${dst}`
}
