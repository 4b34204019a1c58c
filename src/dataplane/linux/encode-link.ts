import type { Link } from '../driver.ts'
import type { LinkEntry } from '../kinds/index.ts'
import * as k from './constants.ts'
import { type Batch, ifinfomsg, writeLinkInfo, writeMark, writeNamed } from './encode.ts'
import { linuxLink } from './kinds/index.ts'
import type { Links } from './links.ts'

/**
 * Creates a link, down; its mark follows in the same batch, so that no owned link is ever without one. `zeroChecksums`: it takes packets with
 * UDP checksum 0.
 */
export function createLink(batch: Batch, entry: LinkEntry, zeroChecksums: boolean): void {
  const { writer } = batch
  const { macOf, writeTraits } = linuxLink(entry.kind)
  batch.begin(k.RTM_NEWLINK, k.NLM_F_CREATE | k.NLM_F_EXCL)
  ifinfomsg(writer, { family: k.AF_UNSPEC, index: 0 })
  writer.attributeText(k.IFLA_IFNAME, entry.device)
  if (macOf !== undefined) writer.attributeMac(k.IFLA_ADDRESS, macOf(entry))
  writeLinkInfo(writer, entry, () => writeTraits?.(writer, entry, zeroChecksums))
  batch.end()
}

/** Gives a link its mark and those of its options that can be changed; `link` is the present one, undefined where it is created. */
export function adjustLink(
  batch: Batch,
  entry: LinkEntry,
  link: Link | undefined,
  links: Pick<Links, 'all'>,
): void {
  const { writer } = batch
  const { writeOptions, adjust } = linuxLink(entry.kind)
  writeMark(batch, entry.device, entry.alias)
  if (writeOptions !== undefined) writeLinkInfo(writer, entry, () => writeOptions(writer, entry))
  batch.end()
  if ('mtu' in entry && entry.mtu !== null) setMtu(batch, entry.device, entry.mtu)
  adjust?.(batch, entry, link, links)
}

/** In a message of its own: beside options of a VXLAN device the kernel refuses it. */
function setMtu(batch: Batch, device: string, mtu: number): void {
  writeNamed(batch, device)
  batch.writer.attributeU32(k.IFLA_MTU, mtu)
  batch.end()
}
