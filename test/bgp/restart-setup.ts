import { beforeEach } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN, type Family } from '../../src/bgp/family.ts'
import type { GracefulRestart, LongLivedFamily } from '../../src/bgp/message/capability.ts'
import { writeEndOfRib, writeReach } from '../../src/bgp/message/pack.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { internalAttributes, openOf, RawPeer, RESTART } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

export const A = '10.77.0.11'
export const B = '10.77.0.12'
export const RED = rt('64512:10')
export const MAC1 = '02:00:00:00:01:01'
export const MAC2 = '02:00:00:00:01:02'

export let clock: VirtualClock
export let network: VirtualNetwork
export let speaker: Speaker
export let red: Collector

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  speaker = speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
  red = new Collector()
  speaker.subscribe(red, RED)
})

export const restart = (changes: Partial<GracefulRestart> = {}): GracefulRestart => ({
  ...RESTART,
  ...changes,
})

export function advertise(
  peer: RawPeer,
  macs: readonly string[],
  communities: number[] | null = null,
  changes: Partial<Attributes> = {},
): void {
  const w = new Writer()
  const attributes = internalAttributes({
    extendedCommunities: [RED],
    communities,
    ...changes,
  })
  writeReach(
    w,
    EVPN,
    ip(B),
    macs.map((mac) => macRoute(B, mac, null)),
    attributes,
    DEFAULT_CONTEXT,
  )
  peer.send(w.copy())
  clock.advance(100)
}

export function end(peer: RawPeer, ...families: readonly Family[]): void {
  peer.write((w) => {
    for (const family of families) writeEndOfRib(w, family)
  })
  clock.advance(100)
}

export const lose = (): void => {
  network.reset(ip(A), ip(B))
  clock.advance(100)
}

/** A peer that connects and advertises these capabilities. */
export function peerWith(
  gracefulRestart: GracefulRestart | null,
  longLived: LongLivedFamily[] = [],
): RawPeer {
  const capabilities = {
    ...openOf().capabilities,
    gracefulRestart,
    longLivedGracefulRestart: longLived,
    enhancedRouteRefresh: true,
  }
  const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({ capabilities })
  clock.advance(100)
  return peer
}
