import type { Dataplane, EntryStatus, Interface } from '../dataplane/model.ts'
import type { Tunnelling } from '../evpn/project.ts'
import { formatIp, isIpv4 } from '../values/address.ts'

/** Why a VXLAN device that others made cannot carry a network of ours; null if it can. */
export function unusable(
  { port, local, up, flowBased, learns }: Interface,
  { vxlanPort, vtep }: Pick<Tunnelling, 'vxlanPort' | 'vtep'>,
): string | null {
  if (flowBased) return 'it takes VNIs that others choose (external or vnifilter)'
  if (port !== vxlanPort) return `its UDP port is ${port}, the VTEP's is ${vxlanPort} (vxlan_dst_port)`
  // without a source address it sends from any of IPv4
  const isOfVtep = local === vtep || (local === null && isIpv4(vtep))
  if (!isOfVtep)
    return `its source address is ${local === null ? 'none' : formatIp(local)}, the VTEP's is ${formatIp(vtep)} (dataplane_local_address)`
  if (learns) return 'it learns addresses by itself: it needs nolearning'
  return up ? null : 'it is down'
}

/** What is in the way of a VXLAN device that the kernel refused, and what to do about it; null where it is something else. */
export function conflict({ entry, status }: EntryStatus, dataplane: Dataplane): string | null {
  if (entry.kind !== 'vxlan') return null
  const others = dataplane.vxlansOn(entry.port).filter(({ name }) => name !== entry.device)
  if (status.errno?.name === 'EEXIST') {
    const other = others.find(({ vni }) => vni === entry.vni)
    if (other === undefined) return null
    return `VXLAN device ${other.name} has VNI ${entry.vni} on UDP port ${entry.port} already: delete it, or attach with its bridge as linuxbr`
  }
  if (status.errno?.name !== 'EADDRINUSE') return null
  const [other] = others.filter(({ flowBased, up }) => flowBased && up)
  const holder =
    other === undefined
      ? `another socket has it (ss -lunp sport = ${entry.port})`
      : `flow-based VXLAN device ${other.name} has it`
  return `UDP port ${entry.port} cannot be used for VXLAN: ${holder}. Remove that, or set vxlan_dst_port of all nodes to another one`
}
