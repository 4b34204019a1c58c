import type { AnyTable, Device } from './device.ts'
import type { Devices } from './devices.ts'
import { isTableEntry } from './layout.ts'
import type { Entry } from './model.ts'
import type { Mark } from './table.ts'

/** Somebody who waits until entries were tried. */
export class Waiter {
  readonly entries: readonly Entry[]
  private readonly devices = new Map<Device, Map<AnyTable, Mark>>()

  constructor(entries: readonly Entry[], devices: ReadonlyMap<string, Device>) {
    this.entries = entries
    for (const entry of entries) {
      const device = devices.get(entry.device)
      if (device === undefined) continue
      const marks = this.devices.get(device) ?? new Map<AnyTable, Mark>()
      this.devices.set(device, marks)
      if (!isTableEntry(entry)) continue
      const table = device.table(entry.kind)
      if (!marks.has(table)) marks.set(table, table.mark())
    }
  }

  isOver(devices: Devices): boolean {
    for (const [device, marks] of this.devices) {
      if (devices.isUnplaced(device)) return false
      const lives = devices.all.get(device.name) === device && device.failure === null
      if (lives && !allPassed(marks)) return false
      this.devices.delete(device)
    }
    return true
  }
}

function allPassed(marks: Map<AnyTable, Mark>): boolean {
  for (const [table, mark] of marks) {
    const now = table.mark()
    if (table.passed(mark) ?? table.passed(now)) marks.delete(table)
    else if (mark.epoch !== now.epoch) marks.set(table, now)
  }
  return marks.size === 0
}
