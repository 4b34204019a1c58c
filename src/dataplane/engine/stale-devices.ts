import { type Driver, isOwned, type Link } from '../driver.ts'
import { type DeviceEntry, isPortEntry, isTableEntry, masterOf } from '../kinds/index.ts'
import type { Entry } from '../model.ts'
import type { Device } from './device.ts'

/** See `DataplaneQueries.staleDevices`. */
export function staleDevices(
  entries: readonly Entry[],
  devices: ReadonlyMap<string, Device>,
  driver: Driver,
): string[] {
  const free = entries.flatMap((entry) =>
    isTableEntry(entry) || isKnown(entry, devices.get(entry.device)) ? [] : entry,
  )
  const byDevice = [...Map.groupBy(free, ({ device }) => device)]
  return byDevice.flatMap(([name, own]) => {
    const link = driver.link(name)
    return link !== undefined && own.some((entry) => isLeft(entry, link, driver)) ? name : []
  })
}

/** Whether the link or port is wanted, or being removed. */
function isKnown(entry: DeviceEntry, device: Device | undefined): boolean {
  return device !== undefined && (device.wanted(entry) ?? device.leaving(entry)) !== null
}

function isLeft(entry: DeviceEntry, link: Link, driver: Driver): boolean {
  if (!isPortEntry(entry)) return isOwned(link)
  const master = link.master === masterOf(entry) ? driver.link(link.master) : undefined
  return master !== undefined && isOwned(master)
}
