import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { BgpPeer } from '../../src/bgp/bgp-peer.ts'
import {
  EVPN,
  type Family,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../../src/bgp/family.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS, type SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { type Answer, request } from '../../src/client.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { RecentLog } from '../../src/recent-log.ts'
import { newPing } from '../../src/rest/ping.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from './events.ts'
import { attachRequest } from './node.ts'
import { SkippingClock } from './skipping-clock.ts'
import { Collector, ip, peerConfig, rt } from './speakers.ts'
import { TcpPeer } from './tcp-peer.ts'
import { testServer, testServices } from './test-server.ts'
import { vpnConfig } from './vpn-config.ts'

export const BGP_PORT = 1790

/** Loopback addresses that no other process of the tests has: `127.x.y.host`. */
export function loopback(host: number): string {
  return `127.${64 + ((process.pid >> 8) & 63)}.${process.pid & 255}.${host}`
}

/** Who is who on the loopback network, by the last octet of the address. */
export const HOST = {
  victim: 1,
  /** A well-behaved peer that is there all the time. */
  bystander: 2,
  /** Connects to the victim; in its AS. */
  internal: 3,
  /** The same from AS 65001. */
  external: 4,
  /** The same from AS 4200000001. */
  external4: 5,
  /** In the victim's AS; the victim connects to it too. */
  called: 6,
  /** A client, where the victim reflects routes. */
  client: 7,
  /** Not configured at all. */
  stranger: 99,
} as const

export const ALL_FAMILIES: readonly Family[] = [
  EVPN,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
]

export const RED = rt('64512:10')

const peer = (host: number, changes: Partial<PeerConfig> = {}): PeerConfig =>
  peerConfig(loopback(host), { port: BGP_PORT, passive: true, families: ALL_FAMILIES, ...changes })

/** The peers that every victim has. */
export const PEERS: readonly PeerConfig[] = [
  peer(HOST.bystander),
  peer(HOST.internal),
  peer(HOST.external, { as: 65001, external: 'accept' }),
  peer(HOST.external4, { as: 4200000001, external: 'accept' }),
]

/** For the peers that the victim connects to. */
export const CALLED: PeerConfig = peer(HOST.called, { passive: false })

/** For a victim that reflects. */
export const CLIENT: PeerConfig = peer(HOST.client, { reflectorClient: true })

/** BGP identifier of the victim; peers choose theirs below or above it. */
export const VICTIM_IDENTIFIER = '10.0.0.100'

/** A whole daemon under attack: real TCP and HTTP on loopback, its kernel in memory, its time skippable. */
export class Victim {
  readonly clock = new SkippingClock()
  readonly speaker: Speaker
  readonly vpns: VpnService
  readonly reconciler: Reconciler
  readonly driver = new MemoryDriver(this.clock)
  /** The best routes that carry RED, ours among them. */
  readonly routes = new Collector()
  readonly recentLog = new RecentLog()
  private readonly rest: FastifyInstance

  private constructor(changes: Partial<SpeakerConfig>) {
    const { clock, driver } = this
    const address = ip(loopback(HOST.victim))
    this.reconciler = new Reconciler({ clock, driver, events: noEvents })
    this.speaker = new Speaker(
      {
        ...SPEAKER_DEFAULTS,
        as: 64512,
        identifier: ip(VICTIM_IDENTIFIER),
        localAddress: address,
        listenPort: BGP_PORT,
        peers: PEERS,
        ...changes,
      },
      { clock, random: () => 0.5, transport: tcpTransport, events: noEvents },
      () => this.reconciler.complete(),
    )
    this.vpns = new VpnService(
      vpnConfig(address, { identifier: ip(VICTIM_IDENTIFIER) }),
      this.speaker,
      Dataplanes.shared(this.reconciler),
      noEvents,
    )
    this.rest = testServer({
      speaker: this.speaker,
      clock,
      vpns: this.vpns,
      ping: newPing(),
      views: {
        services: testServices(this.vpns, this.reconciler),
        recentLog: (about) => this.recentLog.newestFirst(about),
      },
    })
  }

  /** Starts everything; the node has a network net1 with one port, which imports and exports RED. */
  static async start(changes: Partial<SpeakerConfig> = {}): Promise<Victim> {
    const victim = new Victim(changes)
    victim.driver.kernel.addLink('tap1')
    victim.reconciler.start()
    await victim.rest.listen({ host: loopback(HOST.victim), port: 0 })
    await victim.speaker.start()
    await victim.vpns.attach(attachRequest())
    victim.speaker.subscribe(victim.routes, RED)
    return victim
  }

  /** Connects to it from one of its peers' addresses, or a stranger's. */
  connect(host: number): TcpPeer {
    return TcpPeer.connect(loopback(host), loopback(HOST.victim), BGP_PORT)
  }

  bgpPeer(host: number): BgpPeer {
    return this.speaker.peers.get(ip(loopback(host)))!
  }

  /** GETs a path of the API over HTTP. */
  get(path: string): Promise<Answer> {
    return request({ host: loopback(HOST.victim), port: this.apiPort }, path)
  }

  async stop(): Promise<void> {
    this.speaker.stop('the test is over')
    this.reconciler.stop()
    await this.rest.close()
  }

  private get apiPort(): number {
    return (this.rest.server.address() as AddressInfo).port
  }
}
