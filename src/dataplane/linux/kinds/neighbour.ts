import { isIpv4 } from '../../../values/address.ts'
import type { Neighbour } from '../../model.ts'
import { ipv6Disabled } from '../../refusal.ts'
import * as k from '../constants.ts'
import { deleteNeighbour, dumpNeighbours, ipFamily, ndmsg } from '../encode.ts'
import { isIpv6Disabled } from '../sysctl.ts'
import type { LinuxDefinition } from './definition.ts'
import { dumped } from './dump.ts'

/** A `noarp extern_learn` neighbour of the bridge device, which then answers for it. */
export const neighbour: LinuxDefinition<Neighbour> = {
  kind: 'neighbour',
  encode(batch, { ip, mac, router }, { index }) {
    batch.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE)
    const flags = k.NTF_EXT_LEARNED | (router ? k.NTF_ROUTER : 0)
    ndmsg(batch.writer, ipFamily(ip), index, k.NUD_NOARP, flags)
    batch.writer.attributeIp(k.NDA_DST, ip)
    batch.writer.attributeMac(k.NDA_LLADDR, mac)
    batch.end()
  },
  encodeRemoval: (batch, { ip }, { index }) => deleteNeighbour(batch, index, ip),
  explain: (_refusal, { ip, device }) => (!isIpv4(ip) && isIpv6Disabled(device) ? ipv6Disabled : null),
  readNeighbour({ family, device, state, flags, extendedFlags, dst, mac }, directory) {
    const isProxy = (flags & k.NTF_PROXY) !== 0
    if (family === k.AF_BRIDGE || isProxy || !directory.isBridge(device)) return undefined
    const entry = { kind: 'neighbour', device, ip: dst, mac, router: (flags & k.NTF_ROUTER) !== 0 } as const
    const isFixed = (state & k.NUD_NOARP) !== 0 && extendedFlags === 0
    const marked = (flags & k.NTF_EXT_LEARNED) !== 0 && isFixed
    return { bridge: null, observed: { entry, marked } }
  },
  *dump({ name, index, kind }, sources) {
    if (kind === 'bridge')
      yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpNeighbours(writer, index), sources.neighbour)
  },
}
