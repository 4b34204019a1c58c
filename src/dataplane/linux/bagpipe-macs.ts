import type { Mac } from '../../values/mac.ts'
import { isOwned, type Link } from '../driver.ts'
import * as k from './constants.ts'
import { dumpFdb, ndmsg } from './encode.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'
import { dump, exhaust, type Requests } from './requests.ts'

/** The bit of a MAC address that makes it a group's. */
const GROUP_BIT = 2 ** 40
/** Kinds of ports that VMs have. On others such an address may be that of a macvlan, which needs it. */
const VM_PORTS: ReadonlySet<string | null> = new Set(['tun', 'veth'])

/** Removes the MAC addresses of VMs that bagpipe-bgp gave to a port itself (`bridge fdb replace MAC dev PORT`). */
export function removeBagpipeMacs(port: Link, requests: Requests): void {
  if (isOwned(port) || !VM_PORTS.has(port.kind)) return
  const macs = new Set<Mac>()
  const visit = (message: NetlinkMessage) => {
    const mac = ownMac(message)
    if (mac !== null && mac !== port.mac) macs.add(mac)
  }
  exhaust(dump({ type: k.RTM_GETNEIGH, write: (writer) => dumpFdb(writer, port.index), visit }))
  for (const mac of macs) {
    requests.begin(k.RTM_DELNEIGH, 0)
    ndmsg(requests.writer, k.AF_BRIDGE, port.index, k.NUD_PERMANENT, k.NTF_SELF)
    requests.writer.attributeMac(k.NDA_LLADDR, mac)
    requests.end()
  }
  if (macs.size > 0) requests.send()
}

/** The address of a VM in an entry that is the device's and not its bridge's; null for other entries. */
function ownMac({ bytes, start, end }: NetlinkMessage): Mac | null {
  if ((bytes.readUInt8(start + 10) & k.NTF_SELF) === 0) return null
  const attributes = new NetlinkAttributes(bytes, start + k.NDMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type !== k.NDA_LLADDR || attributes.length !== 6) continue
    const mac = attributes.network()
    return Math.floor(mac / GROUP_BIT) % 2 === 0 ? mac : null
  }
  return null
}
