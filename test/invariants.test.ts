import { pino } from 'pino'
import { expect, test } from 'vitest'
import { noAttributes } from '../src/bgp/attribute/attributes.ts'
import { EVPN } from '../src/bgp/family.ts'
import { AttributePool } from '../src/bgp/rib/attribute-pool.ts'
import { localSource, type Route } from '../src/bgp/rib/route.ts'
import { assert, BrokenInvariant } from '../src/values/assert.ts'
import type { Slots } from '../src/values/slots.ts'
import { Attachments } from '../src/vpn/attachments.ts'
import { Identifiers } from '../src/vpn/identifiers.ts'
import { logged } from './support/events.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from './support/speakers.ts'
import { VirtualClock } from './support/virtual-clock.ts'
import { VirtualNetwork } from './support/virtual-network.ts'

test('an invariant that holds is silent, a violated one is named with its subject', () => {
  expect(() => assert(true, 'never')).not.toThrow()
  expect(() => assert(false, 'a count is negative', -1)).toThrow(
    new BrokenInvariant('a count is negative: -1'),
  )
})

test.each<[string, () => void]>([
  [
    'an attribute set is released more often than it is used: 0',
    () => {
      const pool = new AttributePool()
      const set = pool.originated(noAttributes(), ip('10.77.0.1'))
      pool.retain(set, localSource('EVI-1'))
      pool.release(set)
      pool.release(set)
    },
  ],
  [
    'a number is released that is not in use: 20',
    () => new Identifiers(16, 31, new VirtualClock()).giveBack(20),
  ],
  [
    'an endpoint that is removed is not attached: tap1',
    () => new Attachments().remove({ mac: 1, ip: null, port: 'tap1' } as never),
  ],
])('it is seen at once that %s', (what, fault) => expect(fault).toThrow(new BrokenInvariant(what)))

test('a broken invariant in a session resets that session, is logged, and concerns no other', async () => {
  const clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const lines: string[] = []
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) })
  const [A, B, C] = ['10.77.0.1', '10.77.0.2', '10.77.0.3'] as const
  const us = speakerAt(A, [peerConfig(B), peerConfig(C)], clock, network, {}, () => {}, logged(log, clock))
  const [b, c] = [B, C].map((address) => speakerAt(address, [peerConfig(A)], clock, network))
  const red = { extendedCommunities: [rt('64512:10')] }
  const source = localSource('EVI-1')
  for (const [speaker, address] of [
    [b!, B],
    [c!, C],
  ] as const)
    speaker.originate(source, EVPN, macRoute(address, '02:00:00:00:00:01', null), red)
  us.subscribe({ routeChanged() {}, routeGone() {} }, rt('64512:10'))
  await clock.run(60_000)
  const countOf = (address: string) => us.peers.get(ip(address))!.source.routeCount
  expect([countOf(B), countOf(C)]).toEqual([1, 1])

  ;(us.peers.get(ip(B))!.source.routes.get(EVPN) as Slots<Route>).remove(0)
  b!.withdraw(source, EVPN, macRoute(B, '02:00:00:00:00:01', null))
  await clock.run(1000)
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { peer: B, msg: 'internal error in a session; resetting it', error: { name: 'BrokenInvariant' } },
  ])
  expect(us.peers.get(ip(B))!.sessions.establishedCount).toBe(1)
  expect(us.peers.get(ip(B))!.sessions.state).not.toBe('Established')
  expect(us.peers.get(ip(C))!.sessions.state).toBe('Established')
  expect(countOf(C)).toBe(1)
})
