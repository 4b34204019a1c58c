import { afterEach, beforeEach } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { type FdbEntry, iproute } from './iproute.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace } from './namespace.ts'

enterOwnNamespace()

export let lab: Lab
export let dataplane: Reconciler

beforeEach(() => start())

export function start(options: Parameters<typeof linuxLab>[0] = {}): void {
  lab = linuxLab(options)
  dataplane = lab.restart()
  lab.addInterface('tap1')
}

afterEach(() => lab.close())

export async function want(...entries: Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  const open = await dataplane.settled(entries)
  return open.map(({ entry, status }) => [entry, status.reason] as const)
}

export const everything: Entry[] = [
  ...e.network,
  e.local(1),
  e.flood('192.0.2.2'),
  e.remote(2),
  e.remote(3, '192.0.2.3', 300),
  e.neighbour('10.0.0.2', 2),
  e.neighbour('2001:db8::3', 3),
]

export async function untilAllHold(): Promise<void> {
  await lab.until(() => everything.every((entry) => lab.holds(entry)))
}

export function fdbOf(device: string, mac: number): FdbEntry[] {
  return iproute.fdb(device).filter((entry) => entry.mac === formatMac(mac))
}
