import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { isLinkEntry, isPortEntry, isTableEntry } from '../../src/dataplane/kinds/index.ts'
import { ownedObjects } from '../../src/dataplane/linux/ownership.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as l2 from './entries.ts'
import * as e from './ip-entries.ts'
import type { Lab } from './lab.ts'

const OURS = ['bvrf-1', 'bvrf-2', 'gre-2', 'br0', 'end-v', 'end-e']

/** What every kernel and its driver have to do for IP VPNs. */
export function ipSuite(name: string, newLab: () => Lab): void {
  describe(name, () => {
    let lab: Lab
    let dataplane: Reconciler

    beforeEach(() => {
      lab = newLab()
      dataplane = lab.restart()
      lab.addUp('tap1', 'tap2', 'core0')
    })

    afterEach(() => lab.close())

    async function want(...entries: Entry[]) {
      for (const entry of entries) dataplane.want(entry)
      const open = await lab.wait(dataplane.settled(entries))
      return open.map(({ entry, status }) => ({ entry, state: status.state, reason: status.reason }))
    }

    function lacking(entries: readonly Entry[]): Entry[] {
      return entries.filter((entry) => !lab.holds(entry))
    }

    async function wantInPlace(...entries: Entry[]) {
      expect(await want(...entries)).toEqual([])
      expect(lacking(entries)).toEqual([])
    }

    async function untilAllHold(entries: readonly Entry[] = everything) {
      try {
        await lab.until(() => lacking(entries).length === 0)
      } catch {
        expect(lacking(entries).map((entry) => ({ entry, status: dataplane.status(entry) }))).toEqual([])
      }
    }

    const silent: ReadonlySet<string> = new Set(['proxy-neighbour', 'udp-port'])
    const unmarked: ReadonlySet<string> = new Set(['mpls-interface', 'udp-port'])
    const cable = [e.end('end-v', 'end-e', 0xa1), e.end('end-e', 'end-v', 0xa2)]
    const endPort = { ...l2.tapPort, device: 'end-e' }
    const devices: Entry[] = [
      e.red,
      e.blue,
      e.gre,
      e.port(),
      e.port('tap2', e.blue),
      l2.bridge,
      ...cable,
      e.port('end-v'),
      endPort,
    ]
    const tables: Entry[] = [
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
    const everything = [...devices, ...tables]

    test('entries of every kind are programmed', async () => {
      await wantInPlace(...everything)
      const all = everything.length
      expect(dataplane.statuses.counts()).toEqual({ wanted: all, programmed: all, pending: 0, failed: 0 })
      expect([...dataplane.statuses.failures()]).toEqual([])
    })

    test('either end of a veth pair brings the other', async () => {
      const [vrfEnd, bridgeEnd] = cable as [Entry, Entry]
      await wantInPlace(bridgeEnd)
      expect(lab.driver.link('end-v')).toMatchObject({ alias: 'chanter:red', up: false })
      const index = lab.indexOf('end-e')
      await wantInPlace(vrfEnd)
      expect(lab.driver.link('end-v')?.up).toBe(true)
      expect(lab.indexOf('end-e')).toBe(index)
    })

    test('a veth pair whose other end has the name of an external device is refused', async () => {
      lab.addUp('end-e')
      const before = lab.driver.link('end-e')
      expect(await want(...cable)).toMatchObject([
        { reason: 'interface end-e exists already' },
        { reason: expect.stringContaining('is not owned by chanter') },
      ])
      expect(lab.driver.link('end-e')).toEqual(before)
      expect(lab.indexOf('end-v')).toBeUndefined()
      lab.deleteLink('end-e')
      await untilAllHold(cable)
    })

    test('entries may be wanted in any order', async () => {
      await wantInPlace(...everything.toReversed())
    })

    test('an entry replaces the one of its identity', async () => {
      await wantInPlace(...everything)
      await wantInPlace(
        { ...e.red, alias: 'chanter:renamed' },
        e.fixed('10.0.0.5', 6),
        e.route('10.0.0.5/32', ['core0 via 192.0.2.2 push 77']),
        e.route('10.1.0.0/16', ['core0 via 192.0.2.2 push 100/201']),
        e.route('10.3.0.0/16', ['gre-2 push 101', 'core0 via 192.0.2.2 push 100']),
        e.route('10.4.0.0/16', ['gre-2 push 9', 'core0 via 192.0.2.2 push 9']),
        e.route('2001:db8::5/128', ['gre-2 push 1', 'core0 via 2001:db8:c::2 push 2']),
        e.route('2001:db8:2::/48', ['core0 via 2001:db8:c::2 push 33']),
        e.route('2001:db8:3::/48', ['gre-2 push 4']),
        e.label(100, 'bvrf-1'),
        e.label(102, 'tap2 via 10.0.0.5'),
      )
      expect(dataplane.statuses.counts().wanted).toBe(everything.length)
    })

    test('each entry that is no longer wanted is removed, and nothing else', async () => {
      await wantInPlace(...everything)
      const left = new Set(everything)
      for (const entry of tables) {
        dataplane.unwant(entry)
        left.delete(entry)
        await lab.until(() => !lab.holds(entry))
      }
      await lab.calm()
      expect(lacking([...left])).toEqual([])
    })

    test('a port that is released leaves the VRF and is down, the device stays', async () => {
      await wantInPlace(e.red, e.port())
      dataplane.unwant(e.port())
      await lab.until(() => !lab.holds(e.port()))
      await lab.calm()
      expect(lab.driver.link('tap1')).toMatchObject({ master: null, routing: null, up: false })
    })

    test('the last thing unwanted takes devices and routes of ours with it, and leaves those of others', async () => {
      await wantInPlace(...everything)
      for (const entry of everything) dataplane.unwant(entry)
      await lab.wait(dataplane.gone(everything))
      for (const entry of everything) expect.soft(lab.holds(entry), JSON.stringify(entry)).toBe(false)
      for (const device of ['tap1', 'tap2', 'core0']) expect(lab.indexOf(device)).toBeDefined()
      for (const device of OURS) expect(lab.indexOf(device)).toBeUndefined()
      expect(dataplane.statuses.counts()).toEqual({ wanted: 0, programmed: 0, pending: 0, failed: 0 })
    })

    test('a VRF that goes takes with it what was found in its table', async () => {
      await wantInPlace(...everything)
      dataplane = lab.restart()
      await wantInPlace(e.red)
      dataplane.unwant(e.red)
      await lab.until(() => lab.indexOf('bvrf-1') === undefined)
      const routes = tables.filter((entry) => entry.device === 'bvrf-1')
      for (const entry of routes) expect.soft(lab.holds(entry), JSON.stringify(entry)).toBe(false)
    })

    test('an entry unwanted and wanted again at once stays', async () => {
      await wantInPlace(...everything)
      const deletions = await lab.deletions()
      for (const entry of everything) dataplane.unwant(entry)
      await wantInPlace(...everything)
      await lab.calm()
      expect(await deletions()).toEqual([])
    })

    test('an entry that another program removed already can be unwanted', async () => {
      await wantInPlace(...everything)
      // with an address, more goes than itself
      for (const entry of tables.filter(({ kind }) => kind !== 'address').slice(0, 10)) {
        lab.forget(entry)
        dataplane.unwant(entry)
      }
      await lab.calm()
      expect([...dataplane.statuses.failures()]).toEqual([])
    })

    test('a tunnel from all is adopted, and recreated after a deletion', async () => {
      await wantInPlace(e.gre, e.greFromAll)
      const index = lab.indexOf('gre-any')
      dataplane = lab.restart()
      await wantInPlace(e.gre, e.greFromAll)
      expect(lab.indexOf('gre-any')).toBe(index)
      lab.deleteLink('gre-any')
      await untilAllHold([e.gre, e.greFromAll])
    })

    test('the MTU of a tunnel follows its underlay', async () => {
      const tunnel = { ...e.gre, underlay: 'core0' }
      await wantInPlace(tunnel)
      expect(lab.driver.link('gre-2')?.mtu).toBe(1476)
      const index = lab.indexOf('gre-2')
      lab.setMtu('core0', 4000)
      await lab.until(() => lab.driver.link('gre-2')?.mtu === 3976)
      lab.setMtu('gre-2', 1400)
      await lab.until(() => lab.driver.link('gre-2')?.mtu === 3976)
      expect(lab.indexOf('gre-2')).toBe(index)
    })

    test('a label that goes to another port is never without a route', async () => {
      await wantInPlace(...devices, e.label(100, 'tap1 via 10.0.0.5'))
      const deletions = await lab.deletions()
      await wantInPlace(e.label(100, 'tap2 via 10.0.0.5'))
      expect(await deletions()).toEqual([])
    })

    describe('heals', () => {
      test('each deleted entry', async () => {
        await wantInPlace(...everything)
        for (const entry of tables) {
          if (silent.has(entry.kind)) continue // Linux does not notify
          lab.forget(entry)
          await untilAllHold([entry])
        }
        await untilAllHold()
      })

      test.each([
        ['route', e.route('10.1.0.0/16', ['core0 via 192.0.2.99'])],
        ['IPv6 route', e.route('2001:db8:2::/48', ['core0 via 2001:db8:c::9'])],
        ['route of several ways', e.route('10.3.0.0/16', ['core0 via 192.0.2.99'])],
        ['label', e.label(100, 'core0 via 192.0.2.99')],
        ['fixed neighbour', e.fixed('10.0.0.5', 99)],
      ])('an entry that somebody changed: %s', async (_kind, other) => {
        await wantInPlace(...everything)
        for (const marked of [false, true]) {
          lab.overwrite(other, marked)
          expect(lab.holds(other) && lacking(everything).length === 0).toBe(false)
          await untilAllHold()
        }
      })

      test.each([
        ['a VRF that somebody deleted', 'bvrf-1'],
        ['a tunnel that somebody deleted', 'gre-2'],
        ['a cable that somebody deleted at the end in the VRF', 'end-v'],
        ['a cable that somebody deleted at the end in the bridge', 'end-e'],
      ])('%s', async (_what, device) => {
        await wantInPlace(...everything)
        lab.deleteLink(device)
        await untilAllHold()
      })

      test('a port that another program took out of its VRF', async () => {
        await wantInPlace(...everything)
        lab.enslave('tap1', null)
        await untilAllHold()
      })

      test.each([
        ['taken out of the VRF', () => lab.enslave('end-v', null)],
        ['taken out of the bridge', () => lab.enslave('end-e', null)],
      ])('a veth pair %s', async (_what, change) => {
        await wantInPlace(...everything)
        change()
        await untilAllHold()
      })

      test.each(['tap1', 'end-v', 'bvrf-1'])('settings of %s', async (device) => {
        await wantInPlace(...everything)
        lab.spoil(device)
        expect(lacking(devices)).toHaveLength(1)
        await untilAllHold()
      })

      test.each(['tap1', 'core0', 'gre-2', 'bvrf-1', 'end-v', 'end-e'])(
        'what %s lost while it was down',
        async (device) => {
          await wantInPlace(...everything)
          lab.setDown(device)
          lab.setUp(device)
          await untilAllHold()
          lab.setDown(device)
          await lab.calm()
          lab.setUp(device)
          await untilAllHold()
          await lab.until(() => dataplane.statuses.counts().programmed === everything.length)
        },
      )

      test.each(['tap1', 'core0'])('what needs %s when it went and came back', async (device) => {
        await wantInPlace(...everything)
        lab.deleteLink(device)
        await lab.until(() => dataplane.statuses.counts().failed > 0)
        lab.addUp(device)
        await untilAllHold()
        await lab.until(() => dataplane.statuses.counts().programmed === everything.length)
      })
    })

    describe('adoption', () => {
      test('a new daemon takes over without touching what is right', async () => {
        await wantInPlace(...everything)
        const indexes = OURS.map((link) => lab.indexOf(link))
        const deletions = await lab.deletions()
        dataplane = lab.restart()
        await wantInPlace(...everything)
        dataplane.complete()
        await lab.calm()
        expect(await deletions()).toEqual([])
        expect(OURS.map((link) => lab.indexOf(link))).toEqual(indexes)
      })

      test('stale entries stay until the desired state is complete', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        // another program may have turned it on
        const stale = tables.filter((entry, i) => i % 2 === 0 && !unmarked.has(entry.kind))
        const wanted = everything.filter((entry) => !stale.includes(entry))
        await wantInPlace(...wanted)
        await lab.calm()
        expect(lacking(stale)).toEqual([])
        expect([...dataplane.statuses.stale()]).toHaveLength(stale.length)
        dataplane.complete()
        await lab.until(() => lacking(stale).length === stale.length)
        await lab.calm()
        expect(lacking(wanted)).toEqual([])
        expect([...dataplane.statuses.stale()]).toEqual([])
      })

      test('an entry that is wanted later, or changed, is programmed', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        await wantInPlace(...devices)
        await wantInPlace(
          e.route('10.1.0.0/16', ['gre-2 push 5']),
          e.label(100, 'bvrf-2'),
          e.fixed('10.0.0.5', 7),
        )
        await wantInPlace(...everything)
      })

      test('an entry that went with its interface is programmed when it is wanted again', async () => {
        await wantInPlace(...everything)
        dataplane = lab.restart()
        await wantInPlace(...devices)
        await lab.calm()
        lab.setDown('tap1')
        await lab.calm()
        lab.setUp('tap1')
        await lab.calm()
        await wantInPlace(...everything)
      })

      const left = [
        e.blue,
        e.port('tap2', e.blue),
        e.unreachable('0.0.0.0/0', e.blue),
        e.address('10.0.0.1/24', 'tap2'),
        e.fixed('10.0.0.6', 6, 'tap2'),
        e.label(101, 'tap2 via 10.0.0.6'),
      ]
      const stays = [e.red, e.port(), e.label(100, 'tap1')]
      test.each([
        ['all that was there', []],
        ['beside what stays', stays],
      ])('what an earlier daemon had on its way can be removed at once: %s', async (_what, staying) => {
        await wantInPlace(...staying, ...left)
        dataplane = lab.restart()
        for (const entry of staying) dataplane.want(entry)
        for (const entry of left) dataplane.want(entry)
        for (const entry of left) dataplane.unwant(entry)
        await lab.wait(dataplane.gone(left))
        expect(left.filter((entry) => lab.holds(entry))).toEqual([])
        expect(lacking(staying)).toEqual([])
      })

      test('an external entry in the place of a pending one stays', async () => {
        const label = e.label(101, 'tap2')
        await wantInPlace(label)
        dataplane = lab.restart()
        lab.overwrite(label)
        dataplane.want(label)
        dataplane.unwant(label)
        await lab.wait(dataplane.gone([label]))
        expect(lab.driver.isLabelTaken(101)).toBe(true)
      })

      test('a VRF with another table, a tunnel with another end are made anew', async () => {
        await wantInPlace(...devices)
        const index = lab.indexOf('gre-2')
        dataplane = lab.restart()
        const { red, gre } = { red: { ...e.red, table: 1003 }, gre: { ...e.gre, remote: e.gre.local } }
        await wantInPlace(red, gre, e.port(), e.unreachable('0.0.0.0/0', red))
        expect(lab.indexOf('gre-2')).not.toBe(index)
      })
    })

    test('all owned entries can be found and removed without a desired state', async () => {
      await wantInPlace(...everything)
      dataplane.stop()
      const places = { bridges: [], vxlans: [], localMacs: [] }
      for (const { what, remove } of [...ownedObjects(lab.driver, places)]) expect(remove(), what).toBeNull()
      // another program may have turned it on
      const left = everything.filter((entry) => lab.holds(entry))
      expect(left).toEqual([e.core, e.udpPort, e.udpPort6])
    })

    test('drift without a notification is found by a comparison', async () => {
      await wantInPlace(...everything)
      const nothing = { missing: 0, different: 0, extra: 0 }
      expect(await lab.wait(dataplane.verifier.verify())).toMatchObject(nothing)
      lab.forget(e.proxy('2001:db8::9'))
      await lab.calm()
      expect(await lab.wait(dataplane.verifier.verify())).toMatchObject({ ...nothing, missing: 1 })
      await untilAllHold()
    })

    describe('failures', () => {
      test('a missing interface is reported for each route that needs it, and used as soon as it appears', async () => {
        const route = e.route('10.5.0.0/16', ['core9 via 192.0.2.2 push 100'])
        const label = e.label(109, 'core9 via 192.0.2.2')
        const reason = 'interface core9 does not exist'
        expect(await want(...everything, route, label)).toEqual([
          { entry: route, state: 'failed', reason },
          { entry: label, state: 'failed', reason },
        ])
        expect(lacking(everything)).toEqual([])
        lab.addUp('core9')
        await untilAllHold([route, label])
        await lab.until(() => dataplane.statuses.counts().failed === 0)
      })

      test('a route by an interface that is down is reported, and programmed as soon as it is up', async () => {
        lab.addInterface('core9')
        const route = e.route('10.5.0.0/16', ['core9 via 192.0.2.2 push 100'])
        expect(await want(e.red, route)).toMatchObject([{ reason: expect.stringContaining('ENETDOWN') }])
        lab.setUp('core9')
        await untilAllHold([route])
      })

      test('a route uses its reachable hops, reports the others, and uses them as soon as it can', async () => {
        lab.addUp('core9')
        lab.setDown('core9')
        const hops = ['core0 via 192.0.2.2 push 100', 'core9 via 192.0.2.3 push 101', 'core8 via 192.0.2.4']
        const routes = ['10.5.0.0/16', '10.6.0.0/16'].map((prefix) => e.route(prefix, hops))
        const [first] = hops as [string]
        const carried = ['10.5.0.0/16', '10.6.0.0/16'].map((prefix) => e.route(prefix, [first]))
        const reason = expect.stringMatching(/^ENETDOWN: .*; the other hops carry its flows$/)
        expect(await want(e.red, ...routes)).toMatchObject(routes.map(() => ({ state: 'failed', reason })))
        expect(lacking(carried)).toEqual([])
        lab.setUp('core9')
        await lab.until(() =>
          routes.every((route) => dataplane.status(route).reason?.includes('core8') ?? false),
        )
        lab.addUp('core8')
        await untilAllHold(routes)
        await lab.until(() => dataplane.statuses.counts().failed === 0)
        lab.setDown('core0')
        await lab.until(() => dataplane.statuses.counts().failed === routes.length)
        lab.setUp('core0')
        await untilAllHold(routes)
        await lab.until(() => dataplane.statuses.counts().failed === 0)
      })

      test('a port waits for its VRF', async () => {
        const reason = 'interface bvrf-1 does not exist'
        expect(await want(e.port(), e.address('10.0.0.1/24'))).toMatchObject([{ reason }, { reason }])
        await wantInPlace(e.red)
        await untilAllHold([e.port(), e.address('10.0.0.1/24')])
      })

      test('a bridge is no VRF', async () => {
        lab.addBridge('br9')
        const port = { ...e.port(), vrf: 'br9' }
        expect(await want(port)).toMatchObject([{ reason: 'interface br9 is no VRF' }])
        expect(lab.driver.link('tap1')?.master).toBeNull()
      })

      test('a device that is not ours is refused and not touched', async () => {
        lab.addBridge('bvrf-1')
        const before = lab.driver.link('bvrf-1')
        const open = await want(e.red, e.unreachable('0.0.0.0/0'))
        expect(open).toHaveLength(2)
        expect(lab.driver.link('bvrf-1')).toEqual(before)
      })
    })

    test('all that is wanted is of one of three sorts', () => {
      for (const entry of everything) {
        expect([isLinkEntry, isPortEntry, isTableEntry].filter((is) => is(entry))).toHaveLength(1)
      }
    })
  })
}
