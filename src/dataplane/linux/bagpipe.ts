import type { RawLink } from './decode.ts'

/** Names of bagpipe-bgp, of which the kernel keeps 15 characters. */
const BRIDGE = /^evpn---/
const VXLAN = /^vxlan--/
const VRF = /^bvrf-(\d+)$/
/** The ends of a veth pair from the bridge of an EVPN instance to a VRF. */
const VETH = /^(evpn\d+-ipvpn|ipvpn\d+-evpn)\d+$/
const FIRST_TABLE = 1000

type Traits = Pick<
  RawLink,
  | 'name'
  | 'kind'
  | 'alias'
  | 'vni'
  | 'local'
  | 'lower'
  | 'learns'
  | 'flowBased'
  | 'outdated'
  | 'table'
  | 'stp'
>

/**
 * Whether bagpipe-bgp made a link: it has a name and the options of its devices, and no alias. `portsOf` is asked about bridges, which have
 * nothing of their own to know them by: one is bagpipe-bgp's where its VXLAN device is in it.
 */
export function isBagpipes(link: Traits, portsOf: () => readonly Traits[]): boolean {
  if (link.alias !== null) return false
  if (link.kind === 'vxlan') return isVxlan(link)
  if (link.kind === 'veth') return VETH.test(link.name)
  if (link.kind === 'vrf') return link.table === FIRST_TABLE + Number(VRF.exec(link.name)?.[1])
  return link.kind === 'bridge' && BRIDGE.test(link.name) && !link.stp && portsOf().some(isVxlan)
}

/** `ip link add vxlan--… type vxlan id N local A nolearning proxy` */
function isVxlan(link: Traits): boolean {
  const { name, kind, alias, vni, local, lower, learns, flowBased, outdated } = link
  if (kind !== 'vxlan' || alias !== null || !VXLAN.test(name)) return false
  return vni !== null && local !== null && lower === 0 && !learns && !flowBased && outdated
}
