import type { ProxyNeighbour } from '../../model.ts'
import * as k from '../constants.ts'
import { deleteNeighbour, ipFamily, ndmsg } from '../encode.ts'
import { dumpProxies } from '../encode-ip.ts'
import type { LinuxDefinition } from './definition.ts'
import { dumped } from './dump.ts'

/** A `proxy` neighbour of a port. */
export const proxyNeighbour: LinuxDefinition<ProxyNeighbour> = {
  kind: 'proxy-neighbour',
  encode(batch, { ip }, { index }) {
    batch.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE)
    ndmsg(batch.writer, ipFamily(ip), index, 0, k.NTF_PROXY)
    batch.writer.attributeIp(k.NDA_DST, ip)
    batch.writer.attributeU8(k.NDA_PROTOCOL, k.PROTOCOL)
    batch.end()
  },
  encodeRemoval: (batch, { ip }, { index }) => deleteNeighbour(batch, index, ip, k.NTF_PROXY),
  readNeighbour({ family, device, flags, protocol, dst }) {
    if (family !== k.AF_INET6 || (flags & k.NTF_PROXY) === 0) return undefined
    const entry = { kind: 'proxy-neighbour', device, ip: dst } as const
    return { bridge: null, observed: { entry, marked: protocol === k.PROTOCOL } }
  },
  *dump({ name, index, routing }, sources) {
    if (routing !== null)
      yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpProxies(writer, index), sources.neighbour)
  },
}
