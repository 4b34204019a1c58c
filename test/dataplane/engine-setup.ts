import { beforeEach, vi } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

export let lab: MemoryLab
export let dataplane: Reconciler
/** The sets and removals that the driver got, in order. */
export let reported: string[]

beforeEach(() => {
  lab = memoryLab()
  reported = []
  const { driver } = lab
  for (const op of ['set', 'remove'] as const) {
    const original = driver[op].bind(driver)
    vi.spyOn(driver, op).mockImplementation((entries) => {
      reported.push(...entries.map((entry) => `${op} ${identity(entry)}`))
      return original(entries)
    })
    const name = op === 'set' ? 'setDevice' : 'removeDevice'
    const originalDevice = driver[name].bind(driver)
    vi.spyOn(driver, name).mockImplementation((entry) => {
      reported.push(`${op} ${identity(entry)}`)
      return originalDevice(entry)
    })
  }
  restart()
  lab.addInterface('tap1')
})

/** Replaces the reconciler by a new one on the same kernel. */
export function restart(): void {
  dataplane = lab.restart()
}

export async function want(...entries: Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  return lab.wait(dataplane.settled(entries))
}

export const everything: Entry[] = [
  e.neighbour('10.0.0.2', 2),
  e.remote(2),
  e.flood('192.0.2.2'),
  e.local(1),
  e.tapPort,
  e.vxlanPort,
  e.vxlan,
  e.bridge,
]
