import { type Driver, isOwned } from '../driver.ts'
import { type AskingSteps, answerTo, type Eventual, gathered, takeSteps, whenAnswered } from '../eventual.ts'
import { type DeviceEntry, isPortEntry, isTableEntry, masterOf } from '../kinds/index.ts'
import type { Entry } from '../model.ts'
import type { Device } from './device.ts'

/** See `DataplaneQueries.staleDevices`. */
export function staleDevices(
  entries: readonly Entry[],
  devices: ReadonlyMap<string, Device>,
  driver: Driver,
): Eventual<readonly string[]> {
  const isFree = (entry: Entry): entry is DeviceEntry =>
    !isTableEntry(entry) && !isKnown(entry, devices.get(entry.device))
  const byDevice = [...Map.groupBy(entries.filter(isFree), ({ device }) => device)]
  const answers = byDevice.map(([name, own]) => takeSteps(leftOf(name, own, driver)))
  // what was wanted before a late answer is not left any more
  return whenAnswered(gathered(answers), (left) =>
    byDevice.flatMap(([name], i) => (left[i]?.some(isFree) ? name : [])),
  )
}

/** Whether the link or port is wanted, or being removed. */
function isKnown(entry: DeviceEntry, device: Device | undefined): boolean {
  return device !== undefined && (device.wanted(entry) ?? device.leaving(entry)) !== null
}

/** Those of the device's entries that an earlier process left. */
function* leftOf(name: string, entries: readonly DeviceEntry[], driver: Driver): AskingSteps<DeviceEntry[]> {
  const link = yield* answerTo(driver.link(name))
  const master =
    link === undefined || link.master === null ? undefined : yield* answerTo(driver.link(link.master))
  return entries.filter((entry) => {
    if (link === undefined) return false
    if (!isPortEntry(entry)) return isOwned(link)
    return link.master === masterOf(entry) && master !== undefined && isOwned(master)
  })
}
