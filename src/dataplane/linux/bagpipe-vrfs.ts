import type { Ip } from '../../values/address.ts'
import * as k from './constants.ts'
import type { RouteKey } from './decode-ip.ts'
import type { Batch } from './encode.ts'
import { dumpRoutes, rtmsg } from './encode-ip.ts'
import { NetlinkAttributes, type NetlinkMessage, type NetlinkWriter } from './message.ts'
import { dump, exhaust, type Requests } from './requests.ts'

/** Of its rules for a VRF device: the lookup in its table, and `unreachable` behind it. */
const PRIORITIES = [100, 101]
/** Of fields in `struct rtmsg`. */
const PROTOCOL_OFFSET = 5
const TYPE_OFFSET = 7
const FAMILIES = [k.AF_INET, k.AF_INET6]

/** Removes the routing rules that bagpipe-bgp made for a VRF device, which outlive the device and would apply to a later one of that name. */
export function removeBagpipeRules(vrf: string, requests: Requests): void {
  for (const family of FAMILIES)
    for (const direction of [k.FRA_IIFNAME, k.FRA_OIFNAME])
      for (const priority of PRIORITIES) {
        const { writer } = requests
        requests.begin(k.RTM_DELRULE, 0)
        writer.u32(family)
        writer.u32(0)
        writer.u32(0)
        writer.attributeU32(k.FRA_PRIORITY, priority)
        writer.attributeText(direction, vrf)
        requests.end()
      }
  requests.send() // those that are absent are refused
}

/** A route of bagpipe-bgp: IPv4, with its protocol number, which is ours, and metric 0, by which it hides ours of the same prefix. Undefined for any other route. */
export function readBagpipeRoute({ bytes, start, end }: NetlinkMessage): RouteKey | undefined {
  if (bytes.readUInt8(start) !== k.AF_INET || bytes.readUInt8(start + TYPE_OFFSET) !== k.RTN_UNICAST)
    return undefined
  // not every kernel selects what a dump asks for
  if (bytes.readUInt8(start + PROTOCOL_OFFSET) !== k.PROTOCOL) return undefined
  const attributes = new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end)
  let destination = ''
  let table = 0
  while (attributes.next()) {
    if (attributes.type === k.RTA_PRIORITY) return undefined
    if (attributes.type === k.RTA_DST) destination = attributes.octets()
    else if (attributes.type === k.RTA_TABLE) table = attributes.u32()
  }
  return { table, prefix: destination.padEnd(4, '\0') as Ip, prefixLength: bytes.readUInt8(start + 1) }
}

/** Removes the route of bagpipe-bgp to a prefix. Only call it where there is one: the kernel takes the route of the lowest metric. */
export function encodeBagpipeRemoval(batch: Batch, { table, prefix, prefixLength }: RouteKey): void {
  const { AF_INET: family, RT_SCOPE_NOWHERE: scope, RTN_UNICAST: type } = k
  batch.begin(k.RTM_DELROUTE, 0)
  rtmsg(batch.writer, { family, length: prefixLength, table: k.RT_TABLE_UNSPEC, scope, type })
  batch.writer.attributeIp(k.RTA_DST, prefix)
  batch.writer.attributeU32(k.RTA_TABLE, table)
  batch.end()
}

/** Removes the routes that bagpipe-bgp has in the table of a VRF. */
export function removeBagpipeRoutes(table: number, requests: Requests): void {
  const routes: RouteKey[] = []
  const visit = (message: NetlinkMessage) => {
    const route = readBagpipeRoute(message)
    if (route?.table === table) routes.push(route)
  }
  const nothing = [k.ENOENT, k.EOPNOTSUPP]
  const write = (writer: NetlinkWriter) => dumpRoutes(writer, k.AF_INET, table)
  exhaust(dump({ type: k.RTM_GETROUTE, write, visit, nothing }))
  for (const route of routes) {
    encodeBagpipeRemoval(requests, route)
    requests.send()
  }
}
