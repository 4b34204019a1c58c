import type { Link } from '../driver.ts'
import type { Port } from '../model.ts'
import * as k from './constants.ts'
import { type Batch, ifinfomsg } from './encode.ts'
import type { NetlinkAttributes } from './message.ts'

/**
 * Reserved group addresses (IEEE 802.1Q table 8-1) are forwarded like others: else they are passed up by the port itself, past the bridge, into the
 * host's IP stack. The kernel drops pause frames in any case.
 */
const ALL_GROUPS_BUT_PAUSE = 0xfffd

/** Options of a port that traffic depends on, with their required values. */
const OPTIONS: ReadonlyMap<number, number> = new Map([
  [k.IFLA_BRPORT_MODE, 0],
  [k.IFLA_BRPORT_GUARD, 0],
  [k.IFLA_BRPORT_PROTECT, 0],
  [k.IFLA_BRPORT_UNICAST_FLOOD, 1],
  [k.IFLA_BRPORT_MCAST_FLOOD, 1],
  [k.IFLA_BRPORT_BCAST_FLOOD, 1],
  [k.IFLA_BRPORT_MCAST_TO_UCAST, 0],
  [k.IFLA_BRPORT_PROXYARP, 0],
  [k.IFLA_BRPORT_PROXYARP_WIFI, 0],
  [k.IFLA_BRPORT_VLAN_TUNNEL, 0],
  [k.IFLA_BRPORT_ISOLATED, 0],
  [k.IFLA_BRPORT_LOCKED, 0],
  [k.IFLA_BRPORT_MAB, 0],
  [k.IFLA_BRPORT_NEIGH_VLAN_SUPPRESS, 0],
])

/** Backup ports of a port without carrier, by interface and by nexthop group: none. */
const BACKUPS: readonly number[] = [k.IFLA_BRPORT_BACKUP_PORT, k.IFLA_BRPORT_BACKUP_NHID]

/** The attributes of a bridge port in messages. */
export interface PortState {
  readonly state: number
  readonly learning: boolean
  readonly neighSuppress: boolean
  /** Whether options have their required values. */
  readonly open: boolean
}

export function readPort(data: NetlinkAttributes): PortState {
  const facts = { state: k.BR_STATE_DISABLED, learning: false, neighSuppress: false, open: true }
  while (data.next()) {
    const { type } = data
    const wanted = OPTIONS.get(type)
    if (type === k.IFLA_BRPORT_STATE) facts.state = data.u8()
    else if (type === k.IFLA_BRPORT_LEARNING) facts.learning = data.u8() !== 0
    else if (type === k.IFLA_BRPORT_NEIGH_SUPPRESS) facts.neighSuppress = data.u8() !== 0
    else if (type === k.IFLA_BRPORT_GROUP_FWD_MASK) facts.open &&= data.u16() === ALL_GROUPS_BUT_PAUSE
    else if (BACKUPS.includes(type)) facts.open &&= data.u32() === 0
    else if (wanted !== undefined && data.u8() !== wanted) facts.open = false
  }
  return facts
}

/** Sets the options of a port; where another program enslaved it, learning and suppression stay as they are. */
export function setPortOptions(batch: Batch, index: number, port: Port): void {
  const { writer } = batch
  begin(batch, index, () => {
    if (!port.external) {
      writer.attributeU8(k.IFLA_BRPORT_LEARNING, port.learning ? 1 : 0)
      writer.attributeU8(k.IFLA_BRPORT_NEIGH_SUPPRESS, port.neighSuppress ? 1 : 0)
    }
    writer.attributeU16(k.IFLA_BRPORT_GROUP_FWD_MASK, ALL_GROUPS_BUT_PAUSE)
    for (const [option, value] of OPTIONS) writer.attributeU8(option, value)
    for (const option of BACKUPS) writer.attributeU32(option, 0)
  })
}

/** Has a port forward; the kernel refuses it while STP is on or the port has no carrier. */
export function setForwarding(batch: Batch, { index }: Pick<Link, 'index'>): void {
  begin(batch, index, () => batch.writer.attributeU8(k.IFLA_BRPORT_STATE, k.BR_STATE_FORWARDING))
}

/** Gives a port that stays in an external bridge the default options. */
export function resetPortOptions(batch: Batch, { index }: Pick<Link, 'index'>): void {
  begin(batch, index, () => batch.writer.attributeU16(k.IFLA_BRPORT_GROUP_FWD_MASK, 0))
}

function begin(batch: Batch, index: number, write: () => void): void {
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_BRIDGE, index })
  const protinfo = batch.writer.nest(k.IFLA_PROTINFO)
  write()
  batch.writer.close(protinfo)
  batch.end()
}
