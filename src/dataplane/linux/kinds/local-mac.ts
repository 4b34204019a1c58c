import type { LocalMac } from '../../model.ts'
import { unbridged } from '../../refusal.ts'
import * as k from '../constants.ts'
import { type Batch, ndmsg, type Target } from '../encode.ts'
import { type BridgeEntry, isPermanent, isTheirs } from '../fdb.ts'
import { readBridged, stickInExternal } from './bridged.ts'
import type { LinuxDefinition } from './definition.ts'
import { dumpFdbEntries } from './vxlan-fdb.ts'

/** An FDB entry of the bridge, `extern_learn`; `sticky` in an external bridge. */
export const localMac: LinuxDefinition<LocalMac, ReadonlyMap<number, BridgeEntry>> = {
  kind: 'local-mac',
  encode,
  encodeRemoval,
  prepare: (entries, { fdb }) => fdb.present(entries),
  set(entry, link, kernel, held, position) {
    const before = held.get(position)
    const refusal = before === undefined ? null : kernel.fdb.refusal(entry, before)
    if (refusal !== null || (before !== undefined && isTheirs(before, link))) return refusal
    if (before !== undefined && isPermanent(before)) encodeRemoval(kernel.requests, entry, before)
    encode(kernel.requests, entry, link)
    stickInExternal(entry, link, kernel)
    return null
  },
  remove(entry, link, { fdb, requests }) {
    if (fdb.holds(entry, link)) encodeRemoval(requests, entry, link)
    return null
  },
  explain: ({ errno }, { device }) => (errno === k.EOPNOTSUPP ? unbridged(device) : null),
  readNeighbour(raw, directory) {
    if (raw.bridge === null || raw.vni !== null) return undefined
    const { marked, external, isHalfSet } = readBridged(raw, directory)
    const entry = { kind: 'local-mac', device: raw.device, mac: raw.mac } as const
    return {
      bridge: raw.bridge,
      observed: { entry, marked, ...(external && { external }) },
      isHalfSet,
    }
  },
  dump: dumpFdbEntries,
}

function encode(batch: Batch, { mac }: LocalMac, { index }: Target): void {
  batch.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  ndmsg(batch.writer, k.AF_BRIDGE, index, k.NUD_NOARP, k.NTF_MASTER | k.NTF_EXT_LEARNED)
  batch.writer.attributeMac(k.NDA_LLADDR, mac)
  batch.end()
}

function encodeRemoval(batch: Batch, { mac }: LocalMac, { index }: Pick<Target, 'index'>): void {
  batch.begin(k.RTM_DELNEIGH, 0)
  ndmsg(batch.writer, k.AF_BRIDGE, index, 0, k.NTF_MASTER)
  batch.writer.attributeMac(k.NDA_LLADDR, mac)
  batch.end()
}
