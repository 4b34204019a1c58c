import { type Link, ZERO_MAC } from '../../driver.ts'
import type { RemoteMac } from '../../model.ts'
import type { Refusal } from '../../refusal.ts'
import * as k from '../constants.ts'
import { type Batch, ndmsg, type Target } from '../encode.ts'
import { readBridged, stickInExternal } from './bridged.ts'
import type { Kernel, LinuxDefinition } from './definition.ts'
import { isPart, partOf } from './remote-macs.ts'
import { dumpFdbEntries, readDestination } from './vxlan-fdb.ts'

/** Two FDB entries, the VXLAN device's (`self`) and its bridge's (`master`), both set by one message. */
export const remoteMac: LinuxDefinition<RemoteMac, ReadonlyMap<number, Refusal>> = {
  kind: 'remote-mac',
  encode,
  encodeRemoval: (batch, entry, target) => encodeRemoval(batch, entry, target, k.NTF_SELF | k.NTF_MASTER),
  prepare: (entries, { fdb }) => fdb.ownAmong(entries),
  set(entry, link, kernel, own, position) {
    const refusal = own.get(position)
    if (refusal !== undefined) return refusal
    encode(kernel.requests, entry, link)
    stickInExternal(entry, link, kernel)
    return null
  },
  remove(entry, link, kernel) {
    if (isPart(entry)) removeHalves(entry, link, kernel)
    else encodeRemoval(kernel.requests, entry, link, k.NTF_SELF | k.NTF_MASTER)
    return null
  },
  // without the bridge's entry, or with it behind another port, the kernel does not try the VXLAN device's
  encodeOtherRemoval: (batch, entry, target) => encodeRemoval(batch, entry, target, k.NTF_SELF),
  readNeighbour(raw, directory) {
    const { device, mac, flags, state } = raw
    if (raw.vni === null) return undefined
    if (raw.bridge !== null) {
      const { marked, isHalfSet } = readBridged(raw, directory)
      return { bridge: raw.bridge, observed: partOf(device, mac, marked), isHalfSet }
    }
    if (mac === ZERO_MAC) return undefined
    const marked = (flags & k.NTF_EXT_LEARNED) !== 0
    const ownFlags = flags & ~(k.NTF_SELF | k.NTF_OFFLOADED)
    const isSet = state === (k.NUD_NOARP | k.NUD_REACHABLE)
    // one without our mark has drifted too
    const isStuck = !isSet || ownFlags !== k.NTF_EXT_LEARNED || Object.keys(raw.drift).length > 0
    const drift = isStuck && {
      ...raw.drift,
      ...(!isSet && { state }),
      ...(ownFlags !== k.NTF_EXT_LEARNED && { flags: ownFlags }),
    }
    const destination = readDestination(raw, drift || null)
    const entry = { kind: 'remote-mac', device, mac, ...destination } as const
    return { bridge: null, observed: { entry, marked, ...(isStuck && { isStuck }) } }
  },
  dump: dumpFdbEntries,
}

function encode(batch: Batch, { mac, dst, vni }: RemoteMac, target: Target): void {
  const { writer } = batch
  batch.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  const flags = k.NTF_SELF | k.NTF_MASTER | k.NTF_EXT_LEARNED
  // NOARP survives the device going down, REACHABLE is the state that VXLAN expects
  ndmsg(writer, k.AF_BRIDGE, target.index, k.NUD_NOARP | k.NUD_REACHABLE, flags)
  writer.attributeMac(k.NDA_LLADDR, mac)
  writer.attributeIp(k.NDA_DST, dst)
  if (vni !== target.vni) writer.attributeU32(k.NDA_VNI, vni)
  batch.end()
}

/** `flags` select which of the two entries is removed. */
function encodeRemoval(batch: Batch, { mac }: RemoteMac, { index }: Target, flags: number): void {
  batch.begin(k.RTM_DELNEIGH, 0)
  ndmsg(batch.writer, k.AF_BRIDGE, index, 0, flags)
  batch.writer.attributeMac(k.NDA_LLADDR, mac)
  batch.end()
}

/** Of a partly observed MAC, removes only what carries our mark. */
function removeHalves(entry: RemoteMac, link: Link, { fdb, requests }: Kernel): void {
  if (fdb.holds(entry, link)) encodeRemoval(requests, entry, link, k.NTF_MASTER)
  if (fdb.holdsSelf(entry, link)) encodeRemoval(requests, entry, link, k.NTF_SELF)
}
