import { type Driver, isOwned } from '../driver.ts'
import { type DeviceEntry, isPortEntry, isTableEntry, masterOf } from '../kinds/index.ts'
import type { Entry } from '../model.ts'
import type { Device } from './device.ts'

/** See `DataplaneQueries.staleDevices`. */
export function staleDevices(
  entries: readonly Entry[],
  devices: ReadonlyMap<string, Device>,
  driver: Driver,
): string[] {
  const stale = entries.filter((entry) => !isTableEntry(entry) && isStale(entry, devices, driver))
  return [...new Set(stale.map(({ device }) => device))]
}

function isStale(entry: DeviceEntry, devices: ReadonlyMap<string, Device>, driver: Driver): boolean {
  const device = devices.get(entry.device)
  const isKnown = device !== undefined && (device.wanted(entry) ?? device.leaving(entry)) !== null
  const link = isKnown ? undefined : driver.link(entry.device)
  if (link === undefined) return false
  if (!isPortEntry(entry)) return isOwned(link)
  const master = link.master === masterOf(entry) ? driver.link(link.master) : undefined
  return master !== undefined && isOwned(master)
}
