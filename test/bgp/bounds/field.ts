import type { FastifyInstance } from 'fastify'
import { expect } from 'vitest'
import type { BgpPeer } from '../../../src/bgp/bgp-peer.ts'
import { MessageType } from '../../../src/bgp/constants.ts'
import { EVPN, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6, ROUTE_TARGET, VPNV4, VPNV6 } from '../../../src/bgp/family.ts'
import { noCapabilities } from '../../../src/bgp/message/capability.ts'
import type { Route } from '../../../src/bgp/rib/route.ts'
import { TestNode } from '../../support/node.ts'
import { RawPeer } from '../../support/raw-peer.ts'
import { ip, peerConfig } from '../../support/speakers.ts'
import { attribute, update } from '../../support/update-bytes.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { VirtualNetwork } from '../../support/virtual-network.ts'
import { type Bound, KEEPALIVE, message, openMessage, REST, type Verdict } from './bound.ts'

const SPEAKER = '10.77.0.1'
const SENDER = '10.77.0.11'
const BYSTANDER = '10.77.0.12'
const FAMILIES = [EVPN, VPNV4, VPNV6, ROUTE_TARGET, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6]
const CLIENT = { passive: true, reflectorClient: true, families: FAMILIES }
/** What the bystander advertises, and has to find there after every case. */
const BYSTANDER_ROUTE = update(
  attribute(0x80, 14, '00194604c000020900031100' + '00fc00000000090000000020c0000209') + REST,
)
const REFRESH = message(MessageType.RouteRefresh, '00190046')

/** A reflector on virtual time on which bounds are played, one after the other, and a client of it that must not notice. */
export class Field {
  private readonly clock = new VirtualClock()
  private readonly network = new VirtualNetwork(this.clock)
  private node: TestNode
  private app: FastifyInstance
  private bystander: RawPeer

  constructor() {
    this.node = this.newNode(false)
    this.app = this.node.api()
    this.bystander = this.newBystander()
  }

  /** Plays a bound, says what came of it, and makes sure that it harmed nothing else. */
  async play({ at, before, bytes }: Bound): Promise<Verdict> {
    const peer = this.connect(at)
    let verdict: Verdict
    try {
      peer.send(...before)
      this.clock.advance(200)
      verdict = this.verdict(peer, at, bytes)
      await this.explain()
      if (!peer.closed) this.refresh(peer)
    } finally {
      peer.connection?.close()
      this.clock.advance(1000)
    }
    expect(this.bgpPeer.source.routeCount, 'routes of a peer that is gone').toBe(0)
    expect(this.bystander.closed, this.bystander.notification).toBe(false)
    expect(this.bgpPeerOf(BYSTANDER).source.routeCount, 'routes of the bystander').toBe(1)
    return verdict
  }

  /** Ends the speaker and starts it again. */
  restart(): void {
    this.node.speaker.stop('restart')
    this.clock.advance(1000)
    this.node = this.newNode(true)
    this.app = this.node.api()
    this.bystander = this.newBystander()
  }

  private verdict(peer: RawPeer, at: Bound['at'], bytes: Buffer): Verdict {
    const { counters } = this.bgpPeer.routesIn
    const was = { ...counters }
    const routes = this.routes()
    const refreshes = peer.of('route-refresh').length
    peer.send(bytes)
    this.clock.advance(200)
    const type = bytes[18]
    if (at === 'OpenSent' && type === MessageType.Open && !peer.closed) {
      peer.send(KEEPALIVE)
      this.clock.advance(200)
    }
    const { notification } = peer
    if (notification !== undefined) return `reset ${notification}` as Verdict
    if (peer.closed) return 'closed'
    if (type === MessageType.Open) return this.openVerdict(bytes)
    const now = this.routes()
    const isGone = [...routes.keys()].some((key) => !now.has(key))
    const isNew = [...now].some(([key, { set, nlri }]) => {
      const then = routes.get(key)
      return then === undefined || then.set !== set || then.nlri !== nlri
    })
    if (isGone) return 'withdrawn'
    if (counters.quarantined > was.quarantined) return 'quarantined'
    if (isNew) return counters.attributesDiscarded > was.attributesDiscarded ? 'discarded' : 'accepted'
    return peer.of('route-refresh').length > refreshes ? 'accepted' : 'ignored'
  }

  /** Whether every capability that the OPEN advertises is understood. */
  private openVerdict(bytes: Buffer): Verdict {
    const capabilities = this.bgpPeer.negotiated?.peer.capabilities
    expect(capabilities, `no session after ${bytes.toString('hex')}`).toBeDefined()
    return capabilities!.unknown.length > 0 ? 'ignored' : 'accepted'
  }

  private async explain(): Promise<void> {
    const answers = ['192.0.2.2', '10.99.0.0/24', '02:00:00:00:00:01'].map((address) =>
      this.clock.while(this.app.inject(`/explain?address=${encodeURIComponent(address)}`)),
    )
    for (const { statusCode } of await Promise.all(answers)) expect(statusCode).toBe(200)
  }

  /** Both sides of a session that lives may ask for routes again, whatever went before. */
  private refresh(peer: RawPeer): void {
    const { negotiated } = this.bgpPeer
    const before = peer.of('route-refresh').length
    expect(this.bgpPeer.requestRefresh(EVPN)).toBe(negotiated!.peer.capabilities.routeRefresh)
    peer.send(REFRESH)
    this.clock.advance(500)
    expect(peer.closed, peer.notification).toBe(false)
    if (negotiated!.peer.capabilities.enhancedRouteRefresh)
      expect(peer.of('route-refresh').length - before, 'both ends of an answer').toBeGreaterThanOrEqual(2)
  }

  private get bgpPeer(): BgpPeer {
    return this.bgpPeerOf(SENDER)
  }

  private bgpPeerOf(address: string): BgpPeer {
    return this.node.speaker.peers.get(ip(address))!
  }

  /** The routes of the sender by family and key. */
  private routes(): Map<string, Route> {
    const routes = new Map<string, Route>()
    for (const family of FAMILIES)
      for (const head of this.node.speaker.rib.best(family))
        for (let route: Route | null = head; route !== null; route = route.next)
          if (route.source === this.bgpPeer.source) routes.set(`${family} ${route.key}`, route)
    return routes
  }

  private connect(stage: Bound['at']): RawPeer {
    const peer = RawPeer.connect(this.network.transport, ip(SENDER), ip(SPEAKER), 179)
    this.clock.advance(100)
    if (stage === 'OpenSent') return peer
    peer.send(openMessage())
    this.clock.advance(100)
    if (stage === 'OpenConfirm') return peer
    peer.send(KEEPALIVE)
    this.clock.advance(500)
    expect(this.bgpPeer.sessions.state, this.bgpPeer.sessions.lastError ?? '').toBe('Established')
    return peer
  }

  private newNode(isRestart: boolean): TestNode {
    const peers = [SENDER, BYSTANDER].map((address) => peerConfig(address, CLIENT))
    const restart = {
      timeSeconds: 120,
      families: FAMILIES,
      isRestart,
      holdsEndOfRib: false,
      followsOthers: false,
    }
    return new TestNode(SPEAKER, peers, this.clock, this.network, { clusterId: ip(SPEAKER), restart })
  }

  private newBystander(): RawPeer {
    const capabilities = { ...noCapabilities(), families: FAMILIES, fourOctetAs: 64512 }
    const open = { identifier: 0x0a4d000c, capabilities, holdTimeSeconds: 0 }
    const peer = RawPeer.connect(this.network.transport, ip(BYSTANDER), ip(SPEAKER), 179).behave(open)
    this.clock.advance(1000)
    peer.send(BYSTANDER_ROUTE)
    this.clock.advance(1000)
    return peer
  }
}
