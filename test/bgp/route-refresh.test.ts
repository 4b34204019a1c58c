import { describe, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { ip, macRoute } from '../support/speakers.ts'
import {
  A,
  advertise,
  B,
  clock,
  end,
  lose,
  MAC1,
  MAC2,
  network,
  peerWith,
  RED,
  red,
  restart,
  speaker,
} from './restart-setup.ts'

describe('route refresh', () => {
  test('re-advertises the routes (RFC 2918)', () => {
    const source = localSource('EVI-1')
    speaker.originate(source, EVPN, macRoute(A, MAC1, null), { extendedCommunities: [RED] })
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({
      capabilities: { ...openOf().capabilities, families: [EVPN] },
    })
    clock.advance(1000)
    const advertised = (): number => peer.of('update').filter(({ update }) => update.reach.length > 0).length
    expect(advertised()).toBe(1)
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request }))
    clock.advance(1000)
    expect(advertised()).toBe(2)
    expect(peer.of('route-refresh')).toEqual([])
  })

  test('between markers where both know them (RFC 7313)', () => {
    const peer = peerWith(null)
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request }))
    clock.advance(1000)
    expect(peer.of('route-refresh').map(({ refresh }) => refresh.kind)).toEqual([
      RefreshKind.Begin,
      RefreshKind.End,
    ])
  })

  test('a peer that re-advertises all routes loses those that it omits', () => {
    const peer = peerWith(null)
    advertise(peer, [MAC1, MAC2])
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Begin }))
    advertise(peer, [MAC2])
    expect(red.routes.size).toBe(2)
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.End }))
    clock.advance(100)
    expect([...red.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC2, null)])
  })

  test('takes nothing away before its end, also where a restart ends meanwhile', () => {
    advertise(peerWith(restart()), [MAC1, MAC2])
    lose()
    const again = peerWith(restart({ restarting: true }))
    advertise(again, [MAC1])
    end(again, ROUTE_TARGET, EVPN)
    again.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Begin }))
    clock.advance(15_000)
    expect([...red.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC1, null)])
    again.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.End }))
    clock.advance(100)
    expect(red.routes.size).toBe(0)
  })

  test('can be asked for', () => {
    const peer = peerWith(null)
    expect(speaker.peers.get(ip(B))!.requestRefresh(EVPN)).toBe(true)
    clock.advance(100)
    expect(peer.of('route-refresh').map(({ refresh }) => refresh)).toEqual([
      { family: EVPN, kind: RefreshKind.Request },
    ])
  })

  test('of a wrong length is answered with 7/1 (RFC 7313 §5)', () => {
    const peer = peerWith(null)
    const message = encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Begin })
    peer.send(
      Buffer.concat([message.subarray(0, 16), Buffer.from([0, 24]), message.subarray(18), Buffer.of(0)]),
    )
    clock.advance(100)
    expect(peer.notification).toBe('7/1')
  })
})
