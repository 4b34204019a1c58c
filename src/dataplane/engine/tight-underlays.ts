import type { Driver } from '../driver.ts'
import { type Eventual, gathered, whenAnswered } from '../eventual.ts'
import { linkDefinition } from '../kinds/index.ts'
import type { TightUnderlay } from '../model.ts'
import { underlayOf } from './dependents.ts'
import type { Device } from './device.ts'

/** Underlays on which packets of owned VXLAN devices have to be fragmented, once for each underlay and MTU. */
export function tightUnderlays(
  devices: ReadonlyMap<string, Device>,
  driver: Pick<Driver, 'link'>,
): Eventual<TightUnderlay[]> {
  const underlays = [...new Set([...devices.values()].flatMap((device) => underlayOf(device) ?? []))]
  return whenAnswered(gathered(underlays.map((name) => driver.link(name))), (links) => {
    const mtus = new Map(underlays.map((name, i) => [name, links[i]?.mtu]))
    return [...tightOver(mtus, devices.values())]
  })
}

function tightOver(
  mtus: ReadonlyMap<string, number | undefined>,
  devices: Iterable<Device>,
): Iterable<TightUnderlay> {
  const found = new Map<string, TightUnderlay>()
  for (const { link } of devices) {
    if (link === null || !('underlay' in link) || link.underlay === null) continue
    const { underlay } = link
    const { mtuOver, roomOver } = linkDefinition(link.kind)
    const underlayMtu = mtus.get(underlay)
    if (underlayMtu === undefined || roomOver === undefined) continue
    const room = roomOver(link, underlayMtu)
    const mtu = link.mtu ?? mtuOver?.(link, underlayMtu) ?? 0
    if (mtu > room) found.set(`${underlay} ${mtu}`, { underlay, room, mtu, isConfigured: link.mtu !== null })
  }
  return found.values()
}
