import type { LabelRoute } from '../../model.ts'
import { missing, type Refusal } from '../../refusal.ts'
import * as k from '../constants.ts'
import type { Batch } from '../encode.ts'
import { attributeLabels, attributeVia, dumpRoutes, rtmsg, writeHops } from '../encode-ip.ts'
import type { NetlinkWriter } from '../message.ts'
import { hasMpls, platformLabels } from '../sysctl.ts'
import type { IndexOf, LinuxDefinition } from './definition.ts'
import { dumped } from './dump.ts'
import { explainLabels, lackingOf } from './hops.ts'

/** An `AF_MPLS` route with our protocol; `P` is why the kernel does not accept the labels, if so. */
export const labelRoute: LinuxDefinition<LabelRoute, Refusal | null> = {
  kind: 'mpls',
  encode: (batch, entry, _target, indexOf) => encode(batch, entry, indexOf),
  encodeRemoval(batch, { label }) {
    batch.begin(k.RTM_DELROUTE, 0)
    labelled(batch.writer, label)
    batch.end()
  },
  /** Raises the kernel's label limit to cover all labels that are to be set. */
  prepare(entries, { sysctls }) {
    const labels = entries.flatMap((entry) => (entry.kind === 'mpls' ? entry.label : []))
    return sysctls.apply(platformLabels(Math.max(...labels)), 0)
  },
  set(entry, _link, { requests, links, indexOf }, unlabelled) {
    const lacking = lackingOf(entry.hops, links)
    if (lacking !== undefined) return missing(lacking)
    if (unlabelled === null) encode(requests, entry, indexOf)
    return unlabelled
  },
  explain: (refusal, { hops }) => explainLabels(refusal, hops),
  readRoute({ label, hops, marked }) {
    return label === null ? undefined : { entry: { kind: 'mpls', device: 'lo', label, hops }, marked }
  },
  settingsFor: ({ label }) => platformLabels(label),
  *dump({ name }, { routes }) {
    if (name !== 'lo' || !hasMpls()) return
    const write = (writer: NetlinkWriter) => dumpRoutes(writer, k.AF_MPLS, null)
    yield* dumped(name, k.RTM_GETROUTE, write, (message) => routes.read(message))
  },
}

function encode(batch: Batch, { label, hops }: LabelRoute, indexOf: IndexOf): void {
  const { writer } = batch
  batch.begin(k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  labelled(writer, label)
  writeHops(writer, hops, indexOf, ({ via, labels }) => {
    if (via !== null) attributeVia(writer, via)
    if (labels.length > 0) attributeLabels(writer, k.RTA_NEWDST, labels)
  })
  batch.end()
}

function labelled(writer: NetlinkWriter, label: number): void {
  const { AF_MPLS: family, LABEL_BITS: length, RT_TABLE_MAIN: table, RTN_UNICAST: type } = k
  rtmsg(writer, { family, length, table, type })
  attributeLabels(writer, k.RTA_DST, [label])
}
