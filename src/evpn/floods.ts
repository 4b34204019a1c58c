import type { Dataplane, Flood } from '../dataplane/model.ts'
import { ensure } from '../values/map.ts'
import type { Place } from './project.ts'
import { floodTunnel, type MulticastRoute } from './select.ts'

/** The VTEPs that get broadcast, unknown unicast and multicast of one MAC-VRF: those that multicast routes name. */
export class Floods {
  private readonly place: Place
  private readonly dataplane: Dataplane
  /** By tunnel, the keys of the routes that ask for it. */
  private readonly known = new Map<string, { readonly entry: Flood; readonly routes: Set<string> }>()

  constructor(place: Place, dataplane: Dataplane) {
    this.place = place
    this.dataplane = dataplane
  }

  learn(route: MulticastRoute): void {
    const tunnel = floodTunnel(route, this.place)
    if ('reason' in tunnel) return
    const entry: Flood = { kind: 'flood', device: this.place.devices.vxlan, ...tunnel }
    ensure(this.known, keyOf(entry), () => ({ entry, routes: new Set() })).routes.add(route.key)
    this.dataplane.want(entry)
  }

  unlearn(route: MulticastRoute): void {
    const tunnel = floodTunnel(route, this.place)
    if ('reason' in tunnel) return
    const key = keyOf(tunnel)
    const flood = this.known.get(key)
    flood?.routes.delete(route.key)
    if (flood?.routes.size !== 0) return
    this.known.delete(key)
    this.dataplane.unwant(flood.entry)
  }
}

function keyOf({ dst, vni }: Pick<Flood, 'dst' | 'vni'>): string {
  return `${vni} ${dst}`
}
