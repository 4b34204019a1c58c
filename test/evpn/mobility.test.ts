import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { encapsulation, macMobility } from '../../src/bgp/values/extended-community.ts'
import { MOBILITY_DEFAULTS, Mobility, type MobilityOptions } from '../../src/evpn/mobility.ts'
import type { SavedState } from '../../src/vpn/state.ts'
import { noEvents } from '../support/events.ts'
import { TestNode } from '../support/node.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const MAC = 0x020000000101

let seconds: number
let completeness: { now(): number; epoch(): number; newsUntil: number }
let mobility: Mobility

function begin(options: Partial<MobilityOptions> = {}): void {
  mobility = new Mobility({ ...MOBILITY_DEFAULTS, ...options }, completeness)
}

beforeEach(() => {
  seconds = 1000
  completeness = { now: () => seconds * 1000, epoch: () => seconds * 1000, newsUntil: 10_000 }
  begin()
})

describe('an attach (RFC 7432 §15)', () => {
  test.each([
    ['of an address that no node advertises', undefined, 0],
    ['of one that others advertise without the community', 0, 1],
    ['of one that has moved before', 7, 8],
    ['of one that has moved as often as can be counted', 0xffff_ffff, 0xffff_ffff],
  ])('%s', (_, highest, sequence) => {
    mobility.attach(MAC, highest)
    expect(mobility.sequenceOf(MAC)).toBe(sequence)
  })

  test('outbids a route that turns up after it because we have only just asked for it, once', () => {
    mobility.listens()
    seconds += 0.1
    mobility.attach(MAC, undefined)
    seconds += 9
    expect(mobility.routeReceived(MAC, 2000)).toEqual({ outbids: true, duplicate: false })
    expect(mobility.sequenceOf(MAC)).toBe(2001)
    expect(mobility.routeReceived(MAC, 3000).outbids).toBe(false)
    expect(mobility.sequenceOf(MAC)).toBe(2001)
  })

  test('in two places that both have only just asked: the later one wins, whatever they hear first', () => {
    const places = [1000, 1003].map((at) => {
      seconds = at
      const place = new Mobility(MOBILITY_DEFAULTS, completeness)
      place.listens()
      place.attach(MAC, undefined)
      return place
    }) as [Mobility, Mobility]
    places[0].routeReceived(MAC, places[1].sequenceOf(MAC))
    places[1].routeReceived(MAC, 0)
    places[0].routeReceived(MAC, places[1].sequenceOf(MAC))
    places[1].routeReceived(MAC, places[0].sequenceOf(MAC))
    expect(places.map((place) => place.sequenceOf(MAC))).toEqual([1000, 1003])
  })

  test('after one that has only just asked wins, though that one outbids it', () => {
    const EPOCH = 1_800_000_000
    const at = (time: number) => {
      seconds = EPOCH + time
    }
    at(0)
    const old = new Mobility(MOBILITY_DEFAULTS, completeness)
    old.listens()
    const next = new Mobility(MOBILITY_DEFAULTS, completeness)
    next.listens()
    at(60)
    old.listens()
    old.attach(MAC, undefined)
    at(62)
    next.attach(MAC, old.sequenceOf(MAC))
    expect(old.routeReceived(MAC, next.sequenceOf(MAC)).outbids).toBe(true)
    expect(old.sequenceOf(MAC)).toBe(EPOCH + 60)
    expect(next.routeReceived(MAC, old.sequenceOf(MAC)).outbids).toBe(true)
    expect(old.routeReceived(MAC, next.sequenceOf(MAC)).outbids).toBe(false)
    expect(next.sequenceOf(MAC)).toBe(EPOCH + 62)
    // and back, by which time all know of each other
    at(64)
    old.detach(MAC)
    old.attach(MAC, next.sequenceOf(MAC))
    expect(old.sequenceOf(MAC)).toBe(EPOCH + 64)
    // a node that has only just asked does not outbid a later attach either
    at(63)
    const fresh = new Mobility(MOBILITY_DEFAULTS, completeness)
    fresh.listens()
    fresh.attach(MAC, undefined)
    expect(fresh.routeReceived(MAC, old.sequenceOf(MAC)).outbids).toBe(false)
    expect(next.routeReceived(MAC, old.sequenceOf(MAC)).outbids).toBe(false)
  })

  test.each([
    [9.999, true],
    [10, false],
  ])('outbids what comes %s s after we have asked: %s', (later, outbids) => {
    mobility.listens()
    mobility.attach(MAC, undefined)
    seconds += later
    expect(mobility.routeReceived(MAC, 0).outbids).toBe(outbids)
  })

  test('outbids a route with its own sequence, but none with a lower one', () => {
    mobility.listens()
    mobility.attach(MAC, 6)
    expect(mobility.routeReceived(MAC, 6).outbids).toBe(false)
    expect(mobility.ipRouteReceived(MAC, 6)).toBe(false)
    expect(mobility.sequenceOf(MAC)).toBe(7)
    expect(mobility.ipRouteReceived(MAC, 7)).toBe(true)
    expect(mobility.sequenceOf(MAC)).toBeGreaterThan(7)
  })

  test('with an IP address that is elsewhere outbids that once, and only when it is new', () => {
    expect(mobility.ipRouteReceived(MAC, 5)).toBe(false)
    mobility.listens()
    mobility.attach(MAC, undefined)
    expect(mobility.ipRouteReceived(MAC, 5)).toBe(true)
    const sequence = mobility.sequenceOf(MAC)
    expect(mobility.ipRouteReceived(MAC, sequence)).toBe(false)
    expect(mobility.sequenceOf(MAC)).toBe(sequence)
  })

  test('does not outbid what was attached elsewhere after it', () => {
    mobility.listens()
    seconds += 11
    mobility.attach(MAC, undefined)
    expect(mobility.routeReceived(MAC, 0).outbids).toBe(false)
  })

  test('of long ago does not outbid what a new route target brings', () => {
    mobility.attach(MAC, undefined)
    seconds += 100
    mobility.listens()
    seconds += 1
    expect(mobility.routeReceived(MAC, 0).outbids).toBe(false)
  })

  test.each([
    ['that turns up later: the address has moved on', 11, 3],
    ['that it beats anyway', 1, 0],
  ])('does not outbid one %s', (_, after, sequence) => {
    mobility.listens()
    mobility.attach(MAC, 0)
    seconds += after
    expect(mobility.routeReceived(MAC, sequence).outbids).toBe(false)
    expect(mobility.sequenceOf(MAC)).toBe(1)
  })

  test('before the first session outbids the routes of the first peer, however late', () => {
    completeness.newsUntil = Number.POSITIVE_INFINITY
    mobility.attach(MAC, undefined)
    seconds += 3600
    expect(mobility.routeReceived(MAC, 3).outbids).toBe(true)
  })

  test('before the first session has ten seconds from the End-of-RIB of the first peer', () => {
    completeness.newsUntil = Number.POSITIVE_INFINITY
    mobility.attach(MAC, undefined)
    seconds += 3600
    completeness.newsUntil = (seconds + 10) * 1000
    seconds += 11
    expect(mobility.routeReceived(MAC, 3).outbids).toBe(false)
  })

  test('from before a restart is not a new one', () => {
    mobility.restore(MAC, 5)
    expect(mobility.routeReceived(MAC, 6).outbids).toBe(false)
    expect(mobility.sequenceOf(MAC)).toBe(5)
  })
})

describe('a duplicate (RFC 7432 §15.1)', () => {
  /** The address comes here from elsewhere; true when that was a move too many. */
  const comes = (highest: number): boolean => {
    mobility.detach(MAC)
    return mobility.attach(MAC, highest)
  }

  test('is one that moves five times in three minutes; its sequence is not raised from then on', () => {
    const alarms = [1, 3, 5, 7].map((highest) => {
      seconds += 40
      return comes(highest)
    })
    expect(alarms).toEqual([false, false, false, false])
    seconds += 15
    // and it is claimed elsewhere
    expect(mobility.routeReceived(MAC, 12)).toEqual({ outbids: false, duplicate: true })
    expect(mobility.duplicateSince(MAC)).toBe(seconds * 1000)
    expect(comes(12)).toBe(false)
    expect(mobility.sequenceOf(MAC)).toBe(12)
  })

  test('is not made by the several routes of one move: an address with many IP addresses moves once', () => {
    mobility.attach(MAC, undefined)
    seconds += 20
    for (let move = 1; move <= 4; move++)
      for (let address = 0; address < 4; address++)
        expect(mobility.routeReceived(MAC, move).duplicate).toBe(false)
    expect(mobility.routeReceived(MAC, 5).duplicate).toBe(true)
  })

  test('is no alarm where it is not attached any more, and its sequence is not raised when it is again', () => {
    for (let move = 0; move < 5; move++) comes(move * 2)
    expect([...mobility.duplicateMacs()]).toEqual([MAC])
    mobility.detach(MAC)
    expect([...mobility.duplicateMacs()]).toEqual([])
    comes(20)
    expect(mobility.sequenceOf(MAC)).toBe(20)
    expect([...mobility.duplicateMacs()]).toEqual([MAC])
  })

  test('is not what takes longer', () => {
    for (let move = 0; move < 20; move++) {
      seconds += 50
      expect(comes(move * 2)).toBe(false)
    }
  })

  test('gets another chance', () => {
    for (let move = 0; move < 5; move++) comes(move * 2)
    expect(mobility.duplicateSince(MAC)).toBeDefined()
    seconds += 1801
    expect(mobility.duplicateSince(MAC)).toBeUndefined()
    expect(comes(20)).toBe(false)
    expect(mobility.sequenceOf(MAC)).toBe(21)
  })

  test('without recovery stays one until it is detached', () => {
    begin({ recoverySeconds: 0 })
    for (let move = 0; move < 5; move++) comes(move * 2)
    seconds += 100_000
    expect(mobility.duplicateSince(MAC)).toBeDefined()
    mobility.detach(MAC)
    expect(mobility.duplicateSince(MAC)).toBeUndefined()
  })

  test('is found by its last moves alone, and no more of them are kept', () => {
    mobility.attach(MAC, undefined)
    seconds += 20
    for (let sequence = 1; sequence < 1000; sequence++) mobility.routeReceived(MAC, sequence)
    const kept: ReadonlyMap<number, readonly number[]> = Reflect.get(mobility, 'moves')
    expect(kept.get(MAC)).toHaveLength(MOBILITY_DEFAULTS.moves)
  })

  test.each([
    [1800, 2001, 0],
    [1800, 181, 1],
    [1800, 180, 2],
    [0, 181, 0],
  ])(
    'with recovery after %i s: nothing is kept after %i s of addresses that are gone',
    (recoverySeconds, later, kept) => {
      begin({ recoverySeconds })
      const other = MAC + 1
      for (let move = 0; move < 5; move++) comes(move * 2)
      mobility.attach(other, 0)
      mobility.detach(MAC)
      mobility.detach(other)
      seconds += later
      mobility.detach(other)
      const moves: ReadonlyMap<number, readonly number[]> = Reflect.get(mobility, 'moves')
      expect(moves.size).toBe(kept)
    },
  )

  test.each([
    [180, true],
    [180.001, false],
  ])('is what moves for the fifth time %s s after the first: %s', (later, duplicate) => {
    for (let move = 0; move < 4; move++) comes(move * 2)
    seconds += later
    expect(comes(8)).toBe(duplicate)
  })

  test('stays one for the recovery time, however short, when it is detached', () => {
    begin({ recoverySeconds: 1 })
    for (let move = 0; move < 5; move++) comes(move * 2)
    mobility.detach(MAC)
    expect(mobility.duplicateSince(MAC)).toBeDefined()
    seconds += 1
    expect(mobility.duplicateSince(MAC)).toBeUndefined()
  })

  test('is one for half an hour, unless that is configured otherwise', () => {
    expect(MOBILITY_DEFAULTS).toEqual({ moves: 5, windowSeconds: 180, recoverySeconds: 1800 })
  })

  test('is one until the second at which it gets another chance, and while its moves are within the window', () => {
    for (let move = 0; move < 5; move++) {
      comes(move * 2)
      seconds += move < 4 ? 45 : 0
    }
    expect(mobility.duplicateSince(MAC)).toBe(seconds * 1000)
    seconds += 1799.999
    expect(mobility.duplicateSince(MAC)).toBeDefined()
    seconds += 0.001
    expect(mobility.duplicateSince(MAC)).toBeUndefined()
  })

  test('is never one if detection is off', () => {
    begin({ moves: 0 })
    for (let move = 0; move < 50; move++) expect(comes(move * 2)).toBe(false)
  })
})

describe('a node whose attach outbids', () => {
  const RR = '10.77.0.1'
  const VM = '02:00:00:00:01:01'

  test('keeps the sequence: after a restart it advertises the same', async () => {
    const clock = new VirtualClock()
    const network = new VirtualNetwork(clock)
    const reflector = speakerAt(RR, [peerConfig('10.77.0.11', { reflectorClient: true })], clock, network, {
      clusterId: ip(RR),
    })
    const communities = [encapsulation(8), rt('64512:10'), macMobility({ sticky: false, sequence: 3 })]
    const nlri = macRoute('10.77.0.12', VM, null)
    const old = localSource('old')
    reflector.originate(old, EVPN, nlri, { extendedCommunities: communities }, ip('10.77.0.12'))
    let kept: SavedState['instances'] = []
    const sequence = () => kept.flatMap((one) => one.attachments.map((attachment) => attachment.sequence))
    const node: TestNode = new TestNode(
      '10.77.0.11',
      [peerConfig(RR)],
      clock,
      network,
      {},
      {},
      noEvents,
      async () => {
        kept = node.vpns.snapshot().instances
      },
    ).withPorts('tap1')
    await node.attach()
    clock.advance(1000)
    expect(sequence()[0]).toBeGreaterThan(3)
  })
})
