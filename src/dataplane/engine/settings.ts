import type { Driver } from '../driver.ts'
import { type Eventual, gathered, whenAnswered } from '../eventual.ts'
import { isTableEntry, tableDefinition } from '../kinds/index.ts'
import type { Entry, EntryStatus, HeldSetting } from '../model.ts'

/** A node setting, with the first wanted entry that needs it. */
export interface NeededSetting {
  readonly setting: HeldSetting
  readonly entry: Entry
}

/** The node settings that the entries of each slice need, without those that an earlier slice needs. */
export function* neededSettings(
  slices: Iterable<readonly EntryStatus[]>,
  driver: Driver,
): Generator<Eventual<readonly NeededSetting[]>, void> {
  const seen = new Set<string>()
  for (const slice of slices) {
    const needing = slice.flatMap(({ entry }) => (needsSettings(entry) ? entry : []))
    yield whenAnswered(gathered(needing.map((entry) => driver.settingsFor(entry))), (settings) => {
      const needed: NeededSetting[] = []
      for (const [i, entry] of needing.entries())
        for (const setting of settings[i] ?? []) {
          if (!seen.has(setting.name)) needed.push({ setting, entry })
          seen.add(setting.name)
        }
      return needed
    })
  }
}

/** Of the entries of a table, each kind of which there are many needs none. */
function needsSettings(entry: Entry): boolean {
  return !isTableEntry(entry) || tableDefinition(entry.kind).needsSettings === true
}
