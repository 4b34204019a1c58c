import type { Driver } from '../driver.ts'
import { linkDefinition } from '../kinds/index.ts'
import type { TightUnderlay } from '../model.ts'
import type { Device } from './device.ts'

/** Underlays on which packets of owned VXLAN devices have to be fragmented, once for each underlay and MTU. */
export function tightUnderlays(devices: Iterable<Device>, driver: Pick<Driver, 'link'>): TightUnderlay[] {
  const found = new Map<string, TightUnderlay>()
  const mtus = new Map<string, number | undefined>()
  for (const { link } of devices) {
    if (link === null || !('underlay' in link) || link.underlay === null) continue
    const { underlay } = link
    const { mtuOver, roomOver } = linkDefinition(link.kind)
    if (!mtus.has(underlay)) mtus.set(underlay, driver.link(underlay)?.mtu)
    const underlayMtu = mtus.get(underlay)
    if (underlayMtu === undefined || roomOver === undefined) continue
    const room = roomOver(link, underlayMtu)
    const mtu = link.mtu ?? mtuOver?.(link, underlayMtu) ?? 0
    if (mtu > room) found.set(`${underlay} ${mtu}`, { underlay, room, mtu, isConfigured: link.mtu !== null })
  }
  return [...found.values()]
}
