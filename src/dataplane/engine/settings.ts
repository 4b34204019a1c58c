import type { Driver } from '../driver.ts'
import { isTableEntry, tableDefinition } from '../kinds/index.ts'
import type { Entry, EntryStatus, HeldSetting } from '../model.ts'

/** A node setting, with the first wanted entry that needs it. */
export interface NeededSetting {
  readonly setting: HeldSetting
  readonly entry: Entry
}

/** The node settings that wanted entries need; undefined for entries that need none, so that callers can count them as work. */
export function* neededSettings(
  wanted: Iterable<EntryStatus>,
  driver: Driver,
): Generator<NeededSetting | undefined, void> {
  const seen = new Set<string>()
  for (const { entry } of wanted) {
    const isNotified = isTableEntry(entry) && tableDefinition(entry.kind).needsSettings !== true
    for (const setting of isNotified ? [] : driver.settingsFor(entry)) {
      if (!seen.has(setting.name)) yield { setting, entry }
      seen.add(setting.name)
    }
    yield undefined
  }
}
