import type { Driver } from '../driver.ts'
import type { TightUnderlay } from '../model.ts'
import type { Device } from './device.ts'
import { vxlanMtuOver, vxlanRoomOver } from './mtu.ts'

/** Underlays on which packets of owned VXLAN devices have to be fragmented, once for each underlay and MTU. */
export function tightUnderlays(devices: Iterable<Device>, driver: Pick<Driver, 'link'>): TightUnderlay[] {
  const found = new Map<string, TightUnderlay>()
  const mtus = new Map<string, number | undefined>()
  for (const { link } of devices) {
    if (link?.kind !== 'vxlan' || link.underlay === null) continue
    const { underlay, local } = link
    if (!mtus.has(underlay)) mtus.set(underlay, driver.link(underlay)?.mtu)
    const underlayMtu = mtus.get(underlay)
    if (underlayMtu === undefined) continue
    const room = vxlanRoomOver(underlayMtu, local)
    const mtu = link.mtu ?? vxlanMtuOver(underlayMtu, local)
    if (mtu > room) found.set(`${underlay} ${mtu}`, { underlay, room, mtu, isConfigured: link.mtu !== null })
  }
  return [...found.values()]
}
