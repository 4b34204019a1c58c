import type { Link } from '../../driver.ts'
import type { LocalMac, RemoteMac } from '../../model.ts'
import * as k from '../constants.ts'
import type { Directory, RawNeighbour } from '../decode-neighbour.ts'
import { type Batch, ndmsg, type Target } from '../encode.ts'
import type { Kernel } from './definition.ts'

/** A bridge's entry for a MAC behind a port. */
export interface Bridged {
  /** Whether it carries our mark and is as wanted. */
  readonly marked: boolean
  /** Whether another program set it permanently. */
  readonly external: boolean
  /** Whether it is marked and about to become sticky, which takes the kernel a message of its own. */
  readonly isHalfSet: boolean
}

/** Reads the entry of a bridge. */
export function readBridged({ bridge, state, flags, vni }: RawNeighbour, directory: Directory): Bridged {
  const isExternal = bridge !== null && directory.isExternal(bridge)
  const marked = (flags & k.NTF_EXT_LEARNED) !== 0
  const isSticky = (flags & k.NTF_STICKY) !== 0
  const isMovable = vni === null || (state & k.NUD_NOARP) === 0
  const isAsWeSet = isExternal ? isSticky : !isSticky && isMovable
  // the kernel lets an address of the host take our mark; it stays the host's
  const isOurs = marked && (state & k.NUD_PERMANENT) === 0
  return {
    marked: isOurs && isAsWeSet,
    external: !marked && (state & k.NUD_NOARP) !== 0,
    isHalfSet: isOurs && isExternal && !isSticky,
  }
}

/** Keeps the bridge from moving a MAC address when a frame from it arrives at another port; an existing entry keeps its mark. */
export function encodeSticky(batch: Batch, { mac }: LocalMac | RemoteMac, { index }: Target): void {
  batch.begin(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  ndmsg(batch.writer, k.AF_BRIDGE, index, k.NUD_NOARP | k.NUD_REACHABLE, k.NTF_MASTER | k.NTF_STICKY)
  batch.writer.attributeMac(k.NDA_LLADDR, mac)
  batch.end()
}

/** Makes the entry of an external bridge sticky: its ports may learn, and a VM could take over an address by sending from it. */
export function stickInExternal(entry: LocalMac | RemoteMac, link: Link, { requests, links }: Kernel): void {
  if (link.master !== null && links.isExternal(link.master)) encodeSticky(requests, entry, link)
}
