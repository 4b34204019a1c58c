import { ZERO_MAC } from '../../driver.ts'
import type { Flood } from '../../model.ts'
import * as k from '../constants.ts'
import { ndmsg } from '../encode.ts'
import type { LinuxDefinition } from './definition.ts'
import { dumpFdbEntries, readDestination } from './vxlan-fdb.ts'

/** An FDB entry of the VXLAN device for the all-zero MAC. */
export const flood: LinuxDefinition<Flood> = {
  kind: 'flood',
  encode(batch, { dst, vni }, { index }) {
    const { writer } = batch
    batch.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_APPEND)
    ndmsg(writer, k.AF_BRIDGE, index, k.NUD_NOARP | k.NUD_REACHABLE, k.NTF_SELF | k.NTF_EXT_LEARNED)
    writer.attributeMac(k.NDA_LLADDR, ZERO_MAC)
    writer.attributeIp(k.NDA_DST, dst)
    writer.attributeU32(k.NDA_VNI, vni)
    batch.end()
  },
  encodeRemoval(batch, { dst, vni, drift }, { index }) {
    const { writer } = batch
    batch.begin(k.RTM_DELNEIGH, 0)
    ndmsg(writer, k.AF_BRIDGE, index, 0, k.NTF_SELF)
    writer.attributeMac(k.NDA_LLADDR, ZERO_MAC)
    writer.attributeIp(k.NDA_DST, dst)
    writer.attributeU32(k.NDA_VNI, vni)
    if (drift?.port !== undefined) writer.attributePort(k.NDA_PORT, drift.port)
    if (drift?.via !== undefined) writer.attributeU32(k.NDA_IFINDEX, drift.via)
    batch.end()
  },
  readNeighbour(raw, directory) {
    if (raw.vni === null || raw.bridge !== null || raw.mac !== ZERO_MAC) return undefined
    const drift = Object.keys(raw.drift).length > 0 ? raw.drift : null
    const entry = { kind: 'flood', device: raw.device, ...readDestination(raw, drift) } as const
    // all VTEPs share the flags of the first; on an owned device no external VTEP gets frames of VMs
    const hasMark = (raw.flags & k.NTF_EXT_LEARNED) !== 0
    const marked = hasMark || !directory.isExternal(raw.device)
    return { bridge: null, observed: { entry, marked, ...(!hasMark && { inUnmarkedList: true }) } }
  },
  dump: dumpFdbEntries,
}
