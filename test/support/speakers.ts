import { pino } from 'pino'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import type { EvpnRoute } from '../../src/bgp/nlri/evpn/index.ts'
import type { Route } from '../../src/bgp/rib/route.ts'
import type { Subscriber } from '../../src/bgp/rib/subscriptions.ts'
import { PEER_DEFAULTS, type PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS, type SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { ZERO_ESI } from '../../src/bgp/values/esi.ts'
import { parseRouteTarget, type RouteTarget } from '../../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { systemClock } from '../../src/clock.ts'
import type { EventSink } from '../../src/events/event.ts'
import { type Ip, parseIp } from '../../src/values/address.ts'
import { parseMac } from '../../src/values/mac.ts'
import { noEvents } from './events.ts'
import { VirtualClock } from './virtual-clock.ts'
import { VirtualNetwork } from './virtual-network.ts'

export const ip = (text: string): Ip => parseIp(text)!
export const rt = (text: string): RouteTarget => parseRouteTarget(text)!
export const silent = pino({ level: 'silent' })

export function peerConfig(address: string, changes: Partial<PeerConfig> = {}): PeerConfig {
  return { ...PEER_DEFAULTS, address: ip(address), as: 64512, families: [EVPN, ROUTE_TARGET], ...changes }
}

/** A speaker on a virtual network; started. */
export function speakerAt(
  address: string,
  peers: readonly PeerConfig[],
  clock: VirtualClock,
  network: VirtualNetwork,
  changes: Partial<SpeakerConfig> = {},
  onComplete: () => void = () => {},
  events: EventSink = noEvents,
): Speaker {
  const speaker = new Speaker(
    {
      as: 64512,
      identifier: ip(address),
      localAddress: ip(address),
      ...SPEAKER_DEFAULTS,
      peers,
      ...changes,
    },
    { clock, random: () => 0.5, transport: network.transport, events },
    onComplete,
  )
  void speaker.start()
  return speaker
}

/** A speaker that is never started; no other is on its network. */
export function idleSpeaker(address: Ip, peers: readonly PeerConfig[] = []): Speaker {
  const { transport } = new VirtualNetwork(new VirtualClock())
  return new Speaker(
    { ...SPEAKER_DEFAULTS, as: 64512, identifier: address, localAddress: address, peers },
    { clock: systemClock, random: Math.random, transport, events: noEvents },
    () => {},
  )
}

export function macRoute(rdAddress: string, mac: string, address: string | null, vni = 100): EvpnRoute {
  return {
    type: 2,
    rd: ipv4Rd(ip(rdAddress), 1),
    esi: ZERO_ESI,
    ethernetTag: 0,
    mac: parseMac(mac)!,
    ip: address === null ? null : ip(address),
    label: vni,
    label2: null,
  }
}

/** Keeps the best routes, by key. */
export class Collector implements Subscriber {
  readonly routes = new Map<string, Route>()

  routeChanged(route: Route): void {
    this.routes.set(route.key, route)
  }

  routeGone({ key }: Route): void {
    this.routes.delete(key)
  }
}
