import { afterEach, beforeEach, expect } from 'vitest'
import type { ObservedEntry } from '../../src/dataplane/driver.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from './entries.ts'
import type { Lab } from './lab.ts'

/** An entry of every kind of EVPN; the first four are its links and ports. */
export const everything: readonly Entry[] = [
  ...e.network,
  e.local(1),
  e.flood('192.0.2.2'),
  e.flood('192.0.2.3'),
  e.flood('192.0.2.3', 300),
  e.remote(2),
  e.remote(3, '192.0.2.3', 300),
  e.neighbour('10.0.0.2', 2),
  e.neighbour('2001:db8::3', 3),
]

export interface Unprogrammed {
  readonly entry: Entry
  readonly state: string
  readonly reason: string | null
}

/** The lab of the running test, which has the interface tap1 unless prepared otherwise, and what every story does with it. */
export interface Fixture {
  readonly lab: Lab
  /** The reconciler that runs. */
  readonly dataplane: Reconciler
  /** Replaces the reconciler by a new one on the same kernel. */
  restart: Lab['restart']
  /** Wants entries; resolves to those that are not programmed afterwards, and why. */
  want(...entries: readonly Entry[]): Promise<readonly Unprogrammed[]>
  /** Wants entries, and expects the kernel to hold them. */
  wantInPlace(...entries: readonly Entry[]): Promise<void>
  /** A condition for `Lab.until`. */
  holding(entries: readonly Entry[]): () => boolean
  /** The names of unwanted links with our mark, in order. */
  orphans(): Promise<string[]>
  /** What the driver's dump shows of a device. */
  observed(device: string): readonly ObservedEntry[]
}

/** A lab for each test of the surrounding `describe`, prepared with its interfaces. */
export function labFixture(
  newLab: () => Lab,
  prepare: (lab: Lab) => void = (lab) => lab.addInterface('tap1'),
): Fixture {
  let lab: Lab
  let dataplane: Reconciler

  beforeEach(() => {
    lab = newLab()
    dataplane = lab.restart()
    prepare(lab)
  })

  afterEach(() => lab.close())

  async function want(...entries: readonly Entry[]) {
    for (const entry of entries) dataplane.want(entry)
    const open = await lab.wait(dataplane.settled(entries))
    return open.map(({ entry, status }) => ({ entry, state: status.state, reason: status.reason }))
  }

  return {
    get lab() {
      return lab
    },
    get dataplane() {
      return dataplane
    },
    restart(options) {
      dataplane = lab.restart(options)
      return dataplane
    },
    want,
    async wantInPlace(...entries) {
      expect(await want(...entries)).toEqual([])
      for (const entry of entries) expect.soft(lab.holds(entry), JSON.stringify(entry)).toBe(true)
    },
    async orphans() {
      const links = await lab.wait(dataplane.verifier.orphans())
      return links.map(({ name }) => name).sort()
    },
    holding: (entries) => () => entries.every((entry) => lab.holds(entry)),
    observed: (device) => [...lab.driver.dump(device)].flat(),
  }
}
