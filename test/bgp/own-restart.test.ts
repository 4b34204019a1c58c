import { describe, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { ip, macRoute, peerConfig, speakerAt } from '../support/speakers.ts'
import { B, clock, end, MAC1, network, RED, restart } from './restart-setup.ts'

/** The graceful restart capability of a daemon that has not restarted and waits for no peer. */
const FRESH_START = {
  timeSeconds: 120,
  families: [EVPN],
  isRestart: false,
  holdsEndOfRib: false,
  followsOthers: false,
}

describe('our own restart (RFC 4724 §4.1)', () => {
  test('is advertised for as long as it may take, with what was kept', () => {
    const local = speakerAt('10.77.0.13', [peerConfig(B, { passive: true })], clock, network, {
      restart: {
        timeSeconds: 120,
        families: [EVPN],
        isRestart: true,
        holdsEndOfRib: true,
        followsOthers: false,
      },
    })
    const source = localSource('EVI-1')
    const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({
      capabilities: { ...openOf().capabilities, families: [EVPN] },
    })
    clock.advance(1000)
    expect(peer.of('open')[0]!.open.capabilities.gracefulRestart).toEqual({
      restarting: true,
      notification: true,
      restartTimeSeconds: 120,
      families: [{ family: EVPN, forwarding: true }],
    })
    local.originate(source, EVPN, macRoute('10.77.0.13', MAC1, null), { extendedCommunities: [RED] })
    clock.advance(1000)
    const ends = (): number => peer.of('update').filter(({ update }) => update.endOfRib !== null).length
    expect(ends()).toBe(0)
    local.routesComplete()
    clock.advance(100)
    expect(ends()).toBe(1)
  })

  test.each([
    ['leaves without a word a peer that would take one for the end', false, undefined],
    ['says goodbye to one that keeps our routes all the same (RFC 8538)', true, '6/2'],
  ])('%s', (_, notification, farewell) => {
    const local = speakerAt('10.77.0.13', [peerConfig(B, { passive: true })], clock, network, {
      restart: FRESH_START,
    })
    const capabilities = { ...openOf().capabilities, gracefulRestart: restart({ notification }) }
    const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({ capabilities })
    clock.advance(1000)
    local.stop('upgrade')
    clock.advance(1000)
    expect(peer.closed).toBe(true)
    expect(peer.notification).toBe(farewell)
  })

  test('a session that comes again finds the forwarding of the last one', () => {
    speakerAt('10.77.0.13', [peerConfig(B, { passive: true })], clock, network, {
      restart: FRESH_START,
    })
    const kept = [1, 2].map(() => {
      const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave()
      clock.advance(1000)
      network.reset(ip('10.77.0.13'), ip(B))
      clock.advance(1000)
      return peer.of('open')[0]!.open.capabilities.gracefulRestart?.families[0]?.forwarding
    })
    expect(kept).toEqual([false, true])
  })
})

describe('a reflector that restarts and waits for us (RFC 4724 §4.1)', () => {
  const NODE = '10.77.0.13'
  const advertised = (peer: RawPeer): number =>
    peer.of('update').flatMap(({ update }) => update.reach.filter(({ family }) => family === EVPN)).length

  test.each([
    ['gets everything without having asked', true, 1],
    ['otherwise gets it only when it has sent its memberships', false, 0],
  ])('%s', (_, restarting, reported) => {
    const node = speakerAt(NODE, [peerConfig(B, { passive: true })], clock, network)
    node.originate(localSource('EVI-1'), EVPN, macRoute(NODE, MAC1, null), { extendedCommunities: [RED] })
    const peer = RawPeer.connect(network.transport, ip(B), ip(NODE), 179).behave({
      capabilities: { ...openOf().capabilities, gracefulRestart: restart({ restarting }) },
    })
    clock.advance(1000)
    expect(advertised(peer)).toBe(reported)
    const ended = (): boolean => peer.of('update').some(({ update }) => update.endOfRib === EVPN)
    expect(ended()).toBe(restarting)
    // it wants nothing of all that
    end(peer, ROUTE_TARGET)
    clock.advance(1000)
    const withdrawn = peer.of('update').flatMap(({ update }) => update.unreach.flatMap(({ nlri }) => nlri))
    expect(withdrawn).toHaveLength(reported)
  })
})
