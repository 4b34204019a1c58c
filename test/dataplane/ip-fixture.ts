import { expect } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import * as l2 from './entries.ts'
import { type Fixture, labFixture } from './fixture.ts'
import * as e from './ip-entries.ts'
import type { Lab } from './lab.ts'

export const OURS = ['bvrf-1', 'bvrf-2', 'gre-2', 'br0', 'end-v', 'end-e']
/** Kinds whose changes Linux does not notify. */
export const silent: ReadonlySet<string> = new Set(['proxy-neighbour', 'udp-port'])
/** Kinds without an ownership mark: another program may have turned them on. */
export const unmarked: ReadonlySet<string> = new Set(['mpls-interface', 'udp-port'])

export const vethPair = [e.end('end-v', 'end-e', 0xa1), e.end('end-e', 'end-v', 0xa2)]
const endPort = { ...l2.tapPort, device: 'end-e' }
export const devices: readonly Entry[] = [
  e.red,
  e.blue,
  e.gre,
  e.port(),
  e.port('tap2', e.blue),
  l2.bridge,
  ...vethPair,
  e.port('end-v'),
  endPort,
]
export const tables: readonly Entry[] = [
  e.core,
  e.udpPort,
  e.udpPort6,
  e.address('10.0.0.1/24'),
  e.address('2001:db8::1/64'),
  e.address('10.0.0.1/24', 'tap2'),
  e.address('10.9.0.1/24', 'end-v'),
  l2.local(0xa1, 'end-e'),
  e.fixed('10.9.0.5', 9, 'end-v'),
  e.fixed('10.0.0.5', 5),
  e.fixed('2001:db8::5', 5),
  e.proxy('2001:db8::9'),
  e.unreachable('0.0.0.0/0'),
  e.unreachable('::/0'),
  e.unreachable('0.0.0.0/0', e.blue),
  e.unreachable('::/0', e.blue),
  e.route('10.0.0.5/32', ['tap1']),
  e.route('2001:db8::5/128', ['tap1']),
  e.route('10.9.0.5/32', ['end-v']),
  e.route('10.0.0.5/32', ['tap1'], e.blue),
  e.route('10.0.0.6/32', ['bvrf-2']),
  e.route('0.0.0.0/0', ['core0 via 192.0.2.9 push 90']),
  e.route('10.1.0.0/16', ['core0 via 192.0.2.2 push 100/200']),
  e.route('10.2.0.0/16', ['core0 via 2001:db8:c::2 push 100']),
  e.route('10.3.0.0/16', [
    'core0 via 192.0.2.2 push 100 weight 3',
    'gre-2 push 101',
    'tap1 via 10.0.0.5 weight 255',
  ]),
  e.route('10.4.0.0/16', ['tap1 via 10.0.0.5']),
  e.route('2001:db8:1::/48', ['core0 via 2001:db8:c::2 push 100']),
  e.route('2001:db8:2::/48', ['gre-2 push 100']),
  e.route('2001:db8:3::/48', ['core0 via 2001:db8:c::2 push 1048575 weight 2', 'gre-2 push 101']),
  e.label(100, 'tap1 via 10.0.0.5'),
  e.label(101, 'tap1 via 2001:db8::5'),
  e.label(102, 'bvrf-1'),
  e.label(103, 'core0 via 192.0.2.3 push 300/301', 'gre-2 push 302'),
  e.label(1048574, 'bvrf-2'),
]
/** Entries of every kind of IP VPNs. */
export const everything: readonly Entry[] = [...devices, ...tables]

/** The lab of the running test, which has the interfaces tap1, tap2 and core0, and what every story does with it. */
export interface IpFixture extends Fixture {
  /** Those that the kernel does not hold. */
  lacking(entries: readonly Entry[]): readonly Entry[]
  /** Waits until the kernel holds all of them; every kind unless given. */
  untilAllHold(entries?: readonly Entry[]): Promise<void>
}

/** A lab for each test of the surrounding `describe`. */
export function ipLabFixture(newLab: () => Lab): IpFixture {
  const t = labFixture(newLab, (lab) => lab.addUp('tap1', 'tap2', 'core0'))
  const lacking = (entries: readonly Entry[]) => entries.filter((entry) => !t.lab.holds(entry))
  const untilAllHold = async (entries = everything) => {
    try {
      await t.lab.until(() => lacking(entries).length === 0)
    } catch {
      expect(lacking(entries).map((entry) => ({ entry, status: t.dataplane.status(entry) }))).toEqual([])
    }
  }
  return Object.assign(t, { lacking, untilAllHold })
}
