import { randomBytes } from 'node:crypto'
import type { Mac } from '../../../values/mac.ts'
import type { Link } from '../../driver.ts'
import type { Bridge } from '../../model.ts'
import * as k from '../constants.ts'
import { type Batch, setMac, writeLinkInfo, writeNamed } from '../encode.ts'
import { isBridgeOptionChanged, writeBridgeOptions } from '../link-options.ts'
import type { Links } from '../links.ts'
import type { NetlinkWriter } from '../message.ts'
import { networkSettings } from '../sysctl.ts'
import type { LinuxLinkDefinition } from './link-definition.ts'

/** A bridge without STP, forward delay and snooping, isolated from the host as far as possible. */
export const bridge: LinuxLinkDefinition<Bridge> = {
  kind: 'bridge',
  kernelKinds: new Map([['bridge', null]]),
  isInNetwork: true,
  // without an address of its own it takes its ports', and loses all neighbours at each change
  macOf: randomMac,
  writeOptions: writeBridgeOptions,
  read(data, link) {
    while (data.next()) {
      if (data.type === k.IFLA_BR_STP_STATE && data.u32() !== 0) link.stp = true
      if (data.type === k.IFLA_BR_VLAN_FILTERING) link.filtersVlans = data.u8() !== 0
      if (isBridgeOptionChanged(data)) link.tuned = false
    }
  },
  adjust(batch, entry, link, links) {
    if (link !== undefined && hasBorrowedMac(link, links)) setMac(batch, entry.device, randomMac())
    setOption(batch, entry, (writer) => {
      // the kernel reads the delay before the STP state, and refuses none while STP is on
      writer.attributeU32(k.IFLA_BR_FORWARD_DELAY, 0)
      // a kernel that knows no VLANs refuses it
      if (link?.filtersVlans) writer.attributeU8(k.IFLA_BR_VLAN_FILTERING, 0)
      // or each MAC address is there twice; the kernel takes it when it filters no VLANs
      writer.attributeU16(k.IFLA_BR_VLAN_DEFAULT_PVID, 0)
    })
  },
  tune(_entry, link, { isolation }) {
    isolation.isolate(link)
    return null
  },
  adopt: (link, { isolation }) => isolation.isolate(link),
  leave: (link, isolation) => isolation.release(link),
  settingsOf: networkSettings,
}

/** Whether an adopted bridge has the address of a port, as one of bagpipe-bgp has: it would change with its ports. */
function hasBorrowedMac({ alias, index, mac }: Link, links: Pick<Links, 'all'>): boolean {
  return alias === null && links.all(index).some((port) => port.mac === mac)
}

/** In a message of its own. */
function setOption(batch: Batch, entry: Bridge, write: (writer: NetlinkWriter) => void): void {
  writeNamed(batch, entry.device)
  writeLinkInfo(batch.writer, entry, () => write(batch.writer))
  batch.end()
}

/** A locally administered unicast address. */
function randomMac(): Mac {
  return 0x02_00_00_00_00_00 + randomBytes(5).readUIntBE(0, 5)
}
