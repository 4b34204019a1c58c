import type { Family } from '../../../src/bgp/family.ts'
import type { Route } from '../../../src/bgp/rib/route.ts'
import { localSource } from '../../../src/bgp/rib/route.ts'
import type { Connection, Transport } from '../../../src/bgp/session/transport.ts'
import { Speaker } from '../../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../../src/bgp/speaker-config.ts'
import { systemClock } from '../../../src/clock.ts'
import { tcpTransport } from '../../../src/linux/tcp.ts'
import { noEvents } from '../../support/events.ts'
import { ip, peerConfig, rt } from '../../support/speakers.ts'
import { FAMILIES, FAMILY_NAMES, type Facts, type FamilyName, factsOf } from './facts.ts'
import { AS, addressOf, type Link } from './links.ts'
import { type OurRoute, ourRoutes } from './routes.ts'

const RESTART_SECONDS = 120
const BASIC_FAMILIES = [FAMILIES.VPNv4, FAMILIES.VPNv6]
/** Ignores all calls; tests look routes up in the RIB. */
const SUBSCRIBER = { routeChanged: () => {}, routeGone: () => {} }

/** Our end of a link: a speaker on the kernel's TCP, whose only peer is the one of the link. */
export class Ours {
  readonly link: Link
  readonly speaker: Speaker
  private readonly source = localSource('matrix')
  private readonly connections = new Set<Connection>()

  /** With `isRestart` it says that it was here before and has kept its forwarding. */
  constructor(link: Link, { isRestart = false } = {}) {
    this.link = link
    const families: Family[] = link.isFull ? FAMILY_NAMES.map((name) => FAMILIES[name]) : BASIC_FAMILIES
    const isIpv4 = !link.address.includes(':')
    this.speaker = new Speaker(
      {
        ...SPEAKER_DEFAULTS,
        as: link.as,
        identifier: ip(isIpv4 ? link.address : `10.66.0.${Number(link.address.split(':').at(-2))}`),
        localAddress: addressOf(link.address),
        peers: [
          peerConfig(link.peerAddress, {
            as: AS,
            families,
            connectRetrySeconds: 1,
            external: 'accept',
            md5Key: link.ourKey,
          }),
        ],
        restart: {
          timeSeconds: RESTART_SECONDS,
          families,
          isRestart,
          holdsEndOfRib: isRestart,
          followsOthers: false,
        },
      },
      { clock: systemClock, random: Math.random, transport: this.recording(), events: noEvents },
      () => {},
    )
  }

  get bgpPeer() {
    return [...this.speaker.peers.values()][0]!
  }

  get state(): string {
    return this.bgpPeer.sessions.state
  }

  async start(): Promise<this> {
    const refusal = await this.speaker.start()
    if (refusal !== null) throw new Error(`cannot listen at ${this.link.address}: ${refusal}`)
    return this
  }

  /** Whether the session is up with this family. */
  has(family: FamilyName): boolean {
    return this.bgpPeer.negotiated?.families.has(FAMILIES[family]) === true
  }

  want(target: string): void {
    this.speaker.subscribe(SUBSCRIBER, rt(target))
  }

  unwant(target: string): void {
    this.speaker.unsubscribe(SUBSCRIBER, rt(target))
  }

  originate(family: Exclude<FamilyName, 'RTC'>, target?: string): Facts[] {
    return this.each(family, target, ({ nlri, attributes }) =>
      this.speaker.originate(this.source, FAMILIES[family], nlri, attributes),
    )
  }

  withdraw(family: Exclude<FamilyName, 'RTC'>): void {
    this.each(family, undefined, ({ nlri }) => this.speaker.withdraw(this.source, FAMILIES[family], nlri))
  }

  /** The routes of a family received from the peer. */
  learnt(family: FamilyName): Facts[] {
    return this.routes(family).map(factsOf)
  }

  /** Resolves when the RIB has done what it has put off. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.speaker.rib.settled(resolve))
  }

  /** Goes away as if the machine had lost its power: no NOTIFICATION, no word. */
  vanish(): void {
    for (const connection of this.connections) connection.close()
    this.speaker.stop('gone')
  }

  stop(): void {
    this.speaker.stop('done')
  }

  private routes(family: FamilyName): Route[] {
    const routes: Route[] = []
    for (const best of this.speaker.rib.best(FAMILIES[family])) {
      for (let route: Route | null = best; route !== null; route = route.next)
        if (route.source.peer !== null) routes.push(route)
    }
    return routes
  }

  private each(
    family: Exclude<FamilyName, 'RTC'>,
    target: string | undefined,
    act: (route: OurRoute) => void,
  ): Facts[] {
    const routes = ourRoutes(family, this.link.address, target)
    for (const route of routes) act(route)
    return routes.map(({ reported }) => reported)
  }

  /** The kernel's TCP, with a list of the connections that were made. */
  private recording(): Transport {
    const record = (connection: Connection): Connection => {
      this.connections.add(connection)
      return connection
    }
    return {
      connect: (options, handlers) => record(tcpTransport.connect(options, handlers)),
      listen: (at, accept) => tcpTransport.listen(at, (connection) => accept(record(connection))),
    }
  }
}
