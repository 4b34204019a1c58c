import type { Counters } from '../driver.ts'
import * as k from './constants.ts'
import { getLinkWithCounters } from './encode.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'
import type { Requests } from './requests.ts'

/** The offsets of the fields read from struct rtnl_link_stats64. */
const RX_PACKETS = 0
const MULTICAST = 64

/** An answer has about 2 KiB, and those of a batch wait in the socket together. */
const DEVICES_A_BATCH = 64

/** Asks for the counters of devices; those that do not exist are left out. */
export function countersOf(requests: Requests, devices: readonly string[]): Map<string, Counters> {
  const counters = new Map<string, Counters>()
  for (let first = 0; first < devices.length; first += DEVICES_A_BATCH) {
    for (const device of devices.slice(first, first + DEVICES_A_BATCH)) getLinkWithCounters(requests, device)
    requests.send((message) => counters.set(...readCounters(message)))
  }
  return counters
}

function readCounters({ bytes, start, end }: NetlinkMessage): [string, Counters] {
  let name = ''
  const counters = { received: 0, multicast: 0, promiscuous: false }
  const attributes = new NetlinkAttributes(bytes, start + k.IFINFOMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.IFLA_IFNAME) name = attributes.text()
    else if (attributes.type === k.IFLA_PROMISCUITY) counters.promiscuous = attributes.u32() > 0
    else if (attributes.type === k.IFLA_STATS64) {
      counters.received = attributes.u64(RX_PACKETS)
      counters.multicast = attributes.u64(MULTICAST)
    }
  }
  return [name, counters]
}
