import { isIpv4 } from '../../../values/address.ts'
import type { PortAddress } from '../../model.ts'
import { addressesOf } from '../addresses.ts'
import * as k from '../constants.ts'
import { type Batch, ipFamily, type Target } from '../encode.ts'
import { dumpAddresses } from '../encode-ip.ts'
import type { NetlinkWriter } from '../message.ts'
import type { LinuxDefinition } from './definition.ts'
import { dumped } from './dump.ts'

/** An address of a port, `noprefixroute`, of IPv6 `nodad`. */
export const address: LinuxDefinition<PortAddress> = {
  kind: 'address',
  encode,
  /** An IPv6 address that is set again keeps its prefix length: with another one it is removed first. */
  set(entry, { index }, { requests }) {
    const present = isIpv4(entry.ip) ? [] : addressesOf(index, [k.AF_INET6])
    for (const { ip, prefixLength } of present)
      if (ip === entry.ip && prefixLength !== entry.prefixLength)
        encodeRemoval(requests, { ...entry, prefixLength }, { index })
    encode(requests, entry, { index })
    return null
  },
  encodeRemoval,
  readAddress({ device, ip, prefixLength, protocol, flags, broadcast }) {
    const entry = { kind: 'address', device, ip, prefixLength } as const
    const marked = protocol === k.PROTOCOL
    if (!isIpv4(ip) || (flags & k.IFA_F_NOPREFIXROUTE) !== 0) return { entry, marked }
    const isLeft = !marked && broadcast !== null
    return { entry: { ...entry, hasRoute: true }, marked, isStuck: true, ...(isLeft && { isLeft }) }
  },
  *dump({ name, index, routing, table }, sources) {
    if (routing === null && table === null) return
    for (const family of [k.AF_INET, k.AF_INET6])
      yield* dumped(name, k.RTM_GETADDR, (writer) => dumpAddresses(writer, family, index), sources.address)
  },
}

function encode(batch: Batch, entry: PortAddress, { index }: Pick<Target, 'index'>): void {
  batch.begin(k.RTM_NEWADDR, k.NLM_F_CREATE | k.NLM_F_REPLACE)
  ifaddrmsg(batch.writer, entry, index)
  const flags = k.IFA_F_NOPREFIXROUTE | (isIpv4(entry.ip) ? 0 : k.IFA_F_NODAD)
  batch.writer.attributeU32(k.IFA_FLAGS, flags)
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
