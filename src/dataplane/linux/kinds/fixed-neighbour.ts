import { isIpv4 } from '../../../values/address.ts'
import type { FixedNeighbour } from '../../model.ts'
import { withoutIpv6 } from '../../refusal.ts'
import * as k from '../constants.ts'
import { deleteNeighbour, dumpNeighbours, ipFamily, ndmsg } from '../encode.ts'
import { isIpv6Disabled } from '../sysctl.ts'
import type { LinuxDefinition } from './definition.ts'
import { dumped } from './dump.ts'

/** A `permanent extern_learn` neighbour of a port: it survives a lost carrier. */
export const fixedNeighbour: LinuxDefinition<FixedNeighbour> = {
  kind: 'fixed-neighbour',
  encode(batch, { ip, mac }, { index }) {
    batch.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE)
    ndmsg(batch.writer, ipFamily(ip), index, k.NUD_PERMANENT, k.NTF_EXT_LEARNED)
    batch.writer.attributeIp(k.NDA_DST, ip)
    batch.writer.attributeMac(k.NDA_LLADDR, mac)
    batch.end()
  },
  explain: (refusal, { ip, device }) =>
    !isIpv4(ip) && isIpv6Disabled(device) ? withoutIpv6(refusal, device) : null,
  encodeRemoval: (batch, { ip }, { index }) => deleteNeighbour(batch, index, ip),
  readNeighbour({ family, device, state, flags, dst, mac }, directory) {
    const isProxy = (flags & k.NTF_PROXY) !== 0
    if (family === k.AF_BRIDGE || isProxy || directory.isBridge(device)) return undefined
    const entry = { kind: 'fixed-neighbour', device, ip: dst, mac } as const
    const marked = (flags & k.NTF_EXT_LEARNED) !== 0 && (state & k.NUD_PERMANENT) !== 0
    return { bridge: null, observed: { entry, marked } }
  },
  *dump({ name, index, routing }, sources) {
    if (routing !== null)
      yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpNeighbours(writer, index), sources.neighbour)
  },
}
