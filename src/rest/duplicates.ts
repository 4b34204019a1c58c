import type { Route } from '../bgp/rib/route.ts'
import { formatIp } from '../values/address.ts'
import { formatMac } from '../values/mac.ts'
import type { ServiceViews } from './looking-glass/index.ts'

/** How long an address may be attached on two nodes, while a VM migrates. */
const LONG_SHARED_MS = 60_000

/** Addresses that are attached here and in another place. */
export function* duplicates({ vpns }: ServiceViews): Iterable<string> {
  for (const instance of vpns.instances.values()) {
    if (instance.type !== 'evpn') continue
    const { config, mobility, addresses } = instance.macVrf
    const macs = new Set(mobility.duplicateMacs())
    if (macs.size > 0)
      yield `${config.id}: attached here and elsewhere, or moving too often to be in one place: ${[...macs].map(formatMac).join(', ')}`
    const shared = [...addresses.sharedFor(LONG_SHARED_MS)].filter(
      ({ address }) => typeof address === 'string' || !macs.has(address),
    )
    const [first] = shared
    if (first === undefined) continue
    const { address, route } = first
    const name = typeof address === 'number' ? formatMac(address) : formatIp(address)
    const where = placeOf(route, vpns)
    const others = shared.length > 1 ? ` and ${shared.length - 1} more` : ''
    yield `${config.id}: attached here and advertised by others at the same time: ${name} (${where})${others}: detach what is not in use`
  }
}

/** The node of a route; where it is this one, the other VPN instance. */
function placeOf({ source, set }: Route, { instances }: ServiceViews['vpns']): string {
  const [local] = [...instances.values()].filter((one) => one.type === 'evpn' && one.macVrf.source === source)
  if (local !== undefined) return `VPN instance ${local.routing.config.id} here, which shares a route target`
  return set.nextHop === null ? 'others' : formatIp(set.nextHop)
}
