import type { Dataplane, EntryStatus } from '../dataplane/model.ts'
import { Failed, Rejected } from './request.ts'

/** What a kernel does not know at all, or others are in the way of, is no accident; all else may go well the next time. */
export async function refusalOf(
  port: string,
  failure: EntryStatus,
  dataplane: Dataplane,
): Promise<Rejected | Failed> {
  const { reason, errno } = failure.status
  const inTheWay = await conflict(failure, dataplane)
  const Refusal = inTheWay !== null || errno?.name === 'EOPNOTSUPP' ? Rejected : Failed
  return new Refusal(`cannot set up ${port}: ${inTheWay ?? reason}`)
}

/** What is in the way of a VXLAN device that the kernel refused, and what to do about it; null where it is something else. */
async function conflict({ entry, status }: EntryStatus, dataplane: Dataplane): Promise<string | null> {
  if (entry.kind !== 'vxlan') return null
  const all = await dataplane.vxlansOn(entry.port)
  const others = all.filter(({ name }) => name !== entry.device)
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
