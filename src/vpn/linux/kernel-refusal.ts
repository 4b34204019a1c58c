import { RequestError } from '../../api/errors.ts'
import type { Dataplane, EntryStatus } from '../../dataplane/model.ts'
import { shellWord } from '../../values/shell-word.ts'

/** Why an attach fails whose entry is not programmed. */
export async function refusalOf(
  port: string,
  failure: EntryStatus,
  dataplane: Dataplane,
): Promise<RequestError> {
  const { code, reason } = failure.status
  const found = (await conflict(failure, dataplane)) ?? { code: code ?? 'INTERNAL', text: reason }
  return new RequestError(found.code, `cannot set up ${port}: ${found.text}`)
}

interface Conflict {
  readonly code: 'VNI_CONFLICT' | 'UDP_PORT_IN_USE'
  readonly text: string
}

/** The cause of the kernel's refusal of a VXLAN device, and the remedy; null for other causes. */
async function conflict({ entry, status }: EntryStatus, dataplane: Dataplane): Promise<Conflict | null> {
  if (entry.kind !== 'vxlan') return null
  const all = await dataplane.vxlansOn(entry.port)
  const others = all.filter(({ name }) => name !== entry.device)
  if (status.code === 'KERNEL_EXISTS') {
    const other = others.find(({ vni }) => vni === entry.vni)
    if (other === undefined) return null
    const text = `VXLAN device ${other.name} has VNI ${entry.vni} on UDP port ${entry.port} already: delete it (ip link delete ${shellWord(other.name)}), or attach with its bridge as linuxbr`
    return { code: 'VNI_CONFLICT', text }
  }
  if (status.code !== 'KERNEL_ADDRESS_IN_USE') return null
  const [other] = others.filter(({ flowBased, up }) => flowBased && up)
  const holder =
    other === undefined
      ? `another socket has it (ss -lunp sport = ${entry.port})`
      : `flow-based VXLAN device ${other.name} has it`
  const text = `UDP port ${entry.port} cannot be used for VXLAN: ${holder}. Remove that, or set vxlan_dst_port of all nodes to another one`
  return { code: 'UDP_PORT_IN_USE', text }
}
