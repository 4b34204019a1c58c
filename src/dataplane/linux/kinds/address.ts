import { isIpv4 } from '../../../values/address.ts'
import type { Link, ObservedEntry } from '../../driver.ts'
import type { PortAddress } from '../../model.ts'
import { withoutIpv6 } from '../../refusal.ts'
import { addressesOf } from '../addresses.ts'
import * as k from '../constants.ts'
import { type Batch, ipFamily, type Target } from '../encode.ts'
import { dumpAddresses } from '../encode-ip.ts'
import type { NetlinkWriter } from '../message.ts'
import { flushIpv6, isIpv6Disabled } from '../sysctl.ts'
import type { LinuxDefinition, Sources } from './definition.ts'
import { dumped } from './dump.ts'

/** An address of a port, `noprefixroute`, of IPv6 `nodad`. */
export const address: LinuxDefinition<PortAddress> = {
  kind: 'address',
  encode,
  /** One that is set again does not get its routes back, and an IPv6 one keeps its prefix length: it is removed first. */
  set(entry, link, { requests, ownRoutes }) {
    const { ip } = entry
    const present = addressesOf(link.index, [ipFamily(ip)]).filter((one) => one.ip === ip)
    const isLacking = present.length > 0 && ownRoutes.lacking(link, [ip]).size > 0
    // the route for multicast comes with IPv6 alone
    if (isLacking && !isIpv4(ip)) flushIpv6(link.name)
    else
      for (const { prefixLength } of present)
        if (isLacking || (!isIpv4(ip) && prefixLength !== entry.prefixLength))
          encodeRemoval(requests, { ...entry, prefixLength }, link)
    encode(requests, entry, link)
    return null
  },
  explain: (refusal, { ip, device }) =>
    !isIpv4(ip) && isIpv6Disabled(device) ? withoutIpv6(refusal, device) : null,
  encodeRemoval,
  readAddress({ device, ip, prefixLength, marked, flags, broadcast }) {
    const entry = { kind: 'address', device, ip, prefixLength } as const
    if (!isIpv4(ip) || (flags & k.IFA_F_NOPREFIXROUTE) !== 0) return { entry, marked }
    const isLeft = !marked && broadcast !== null
    return { entry: { ...entry, hasRoute: true }, marked, isStuck: true, ...(isLeft && { isLeft }) }
  },
  *dump(link, sources) {
    const { name, index, routing, table } = link
    if (routing === null && table === null) return
    for (const family of [k.AF_INET, k.AF_INET6]) {
      const write = (writer: NetlinkWriter) => dumpAddresses(writer, family, index)
      for (const chunk of dumped(name, k.RTM_GETADDR, write, sources.address))
        yield routing === null ? chunk : complete(chunk, link, sources)
    }
  },
}

/** Without those that lack their routes. */
function complete(
  chunk: readonly ObservedEntry[],
  link: Link,
  { ownRoutes }: Sources,
): readonly ObservedEntry[] {
  const ips = chunk.flatMap(({ entry }) => (entry.kind === 'address' ? entry.ip : []))
  const lacking = ownRoutes.lacking(link, ips)
  return chunk.filter(({ entry }) => entry.kind !== 'address' || !lacking.has(entry.ip))
}

function encode(batch: Batch, entry: PortAddress, { index }: Pick<Target, 'index'>): void {
  batch.begin(k.RTM_NEWADDR, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  ifaddrmsg(batch.writer, entry, index)
  const flags = k.IFA_F_NOPREFIXROUTE | (isIpv4(entry.ip) ? 0 : k.IFA_F_NODAD)
  batch.writer.attributeU32(k.IFA_FLAGS, flags)
  batch.writer.attributeU32(k.IFA_RT_PRIORITY, k.METRIC)
  batch.writer.attributeU8(k.IFA_PROTO, k.PROTOCOL)
  batch.end()
}

function encodeRemoval(batch: Batch, entry: PortAddress, { index }: Pick<Target, 'index'>): void {
  batch.begin(k.RTM_DELADDR, 0)
  ifaddrmsg(batch.writer, entry, index)
  batch.end()
}

function ifaddrmsg(writer: NetlinkWriter, { ip, prefixLength }: PortAddress, index: number): void {
  writer.u32(ipFamily(ip) | (prefixLength << 8))
  writer.u32(index)
  writer.attributeIp(k.IFA_LOCAL, ip)
  writer.attributeIp(k.IFA_ADDRESS, ip)
}
