import * as k from './constants.ts'
import { dumpRoutes } from './encode-ip.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'
import { dump, exhaust, type Requests } from './requests.ts'

/** Of its rules for a VRF device: the lookup in its table, and `unreachable` behind it. */
const PRIORITIES = [100, 101]
/** Of the protocol in `struct rtmsg`. */
const PROTOCOL_OFFSET = 5
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

/** Removes the routes that bagpipe-bgp has in the table of a VRF: they have its protocol number, which is ours, but another metric. */
export function removeBagpipeRoutes(table: number, requests: Requests): void {
  const routes: Buffer[] = []
  const visit = ({ bytes, start, end }: NetlinkMessage) => {
    const attributes = new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end)
    // not every kernel selects what a dump asks for
    if (bytes.readUInt8(start + PROTOCOL_OFFSET) !== k.PROTOCOL) return
    while (attributes.next())
      if (attributes.type === k.RTA_TABLE && attributes.u32() === table)
        routes.push(Buffer.from(bytes.subarray(start, end)))
  }
  const nothing = [k.ENOENT, k.EAFNOSUPPORT, k.EOPNOTSUPP]
  for (const family of FAMILIES)
    exhaust(
      dump({ type: k.RTM_GETROUTE, write: (writer) => dumpRoutes(writer, family, table), visit, nothing }),
    )
  for (const route of routes) {
    requests.begin(k.RTM_DELROUTE, 0)
    for (let at = 0; at < route.length; at += 4) requests.writer.u32(route.readUInt32LE(at))
    requests.end()
    requests.send()
  }
}
