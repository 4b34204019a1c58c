import * as k from './constants.ts'
import type { Batch } from './encode.ts'
import { NetlinkAttributes, type NetlinkMessage, type NetlinkWriter } from './message.ts'
import { dump, exhaust } from './requests.ts'

/** Before all others. */
const PREFERENCE = 1
/** In tc's messages, preference and protocol are one word; the protocol is in network order. */
const INFO = (PREFERENCE << 16) | (k.ETH_P_ALL << 8)
/** The errno of an interface without a clsact qdisc. */
const NOTHING = [k.ENOENT, k.EINVAL, k.EOPNOTSUPP]

/** Identifies a filter of ours on an interface. */
export interface FilterKey {
  readonly kind: string
  readonly handle: number
}

/** A filter for all packets that come in by an interface. */
export interface IngressFilter extends FilterKey {
  readonly writeOptions: (writer: NetlinkWriter) => void
}

/** Drops every packet; needs the modules `cls_matchall` and `act_gact`. */
export const dropAll: IngressFilter = {
  kind: 'matchall',
  handle: 0x13,
  writeOptions(writer) {
    const actions = writer.nest(k.TCA_MATCHALL_ACT)
    const first = writer.nest(1)
    writer.attributeText(k.TCA_ACT_KIND, 'gact')
    const options = writer.nest(k.TCA_ACT_OPTIONS)
    writer.attributeBytes(k.TCA_GACT_PARMS, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, k.TC_ACT_SHOT, ...ZEROS))
    writer.close(options)
    writer.close(first)
    writer.close(actions)
  },
}
const ZEROS = new Uint8Array(11)

/** Gives an interface a clsact qdisc; it may have one. */
export function addIngress(batch: Batch, index: number): void {
  batch.begin(k.RTM_NEWQDISC, k.NLM_F_CREATE | k.NLM_F_EXCL)
  tcmsg(batch.writer, index, k.CLSACT_HANDLE, k.TC_H_CLSACT, 0)
  batch.writer.attributeText(k.TCA_KIND, 'clsact')
  batch.end()
}

export function setFilter(batch: Batch, index: number, filter: IngressFilter): void {
  const { writer } = batch
  const { kind, handle, writeOptions } = filter
  batch.begin(k.RTM_NEWTFILTER, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  tcmsg(writer, index, handle, k.CLSACT_INGRESS, INFO)
  writer.attributeText(k.TCA_KIND, kind)
  const options = writer.nest(k.TCA_OPTIONS)
  writeOptions(writer)
  writer.close(options)
  batch.end()
}

export function removeFilter(batch: Batch, index: number, { kind, handle }: FilterKey): void {
  batch.begin(k.RTM_DELTFILTER, 0)
  tcmsg(batch.writer, index, handle, k.CLSACT_INGRESS, INFO)
  batch.writer.attributeText(k.TCA_KIND, kind)
  batch.end()
}

/** Which of these filters an interface has. */
export function filtersOf(index: number, keys: readonly FilterKey[]): FilterKey[] {
  const found: FilterKey[] = []
  const visit = ({ bytes, start, end }: NetlinkMessage) => {
    const handle = bytes.readUInt32LE(start + 8)
    const attributes = new NetlinkAttributes(bytes, start + k.TCMSG_LENGTH, end)
    while (attributes.next()) {
      if (attributes.type !== k.TCA_KIND) continue
      const kind = attributes.text()
      found.push(...keys.filter((key) => key.handle === handle && key.kind === kind))
    }
  }
  const write = (writer: NetlinkWriter) => tcmsg(writer, index, 0, k.CLSACT_INGRESS, 0)
  exhaust(dump({ type: k.RTM_GETTFILTER, write, visit, nothing: NOTHING }))
  return found
}

/** The interface that a message of tc is about. */
export function readTrafficControl({ bytes, start }: NetlinkMessage): number {
  return bytes.readInt32LE(start + 4)
}

function tcmsg(writer: NetlinkWriter, index: number, handle: number, parent: number, info: number): void {
  writer.u32(k.AF_UNSPEC)
  writer.u32(index)
  writer.u32(handle)
  writer.u32(parent)
  writer.u32(info)
}
