import { expect } from 'vitest'
import type { BgpPeer } from '../../../src/bgp/bgp-peer.ts'
import { MessageType } from '../../../src/bgp/constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../../../src/bgp/context.ts'
import { EVPN, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import { noCapabilities } from '../../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { encodeOpen, type Open } from '../../../src/bgp/message/open.ts'
import { writeEndOfRib } from '../../../src/bgp/message/pack.ts'
import { keyOf } from '../../../src/bgp/nlri/codec.ts'
import { evpn } from '../../../src/bgp/nlri/evpn/index.ts'
import type { Route } from '../../../src/bgp/rib/route.ts'
import type { SpeakerConfig } from '../../../src/bgp/speaker-config.ts'
import { Writer } from '../../../src/bgp/wire/writer.ts'
import { identity } from '../../../src/dataplane/kinds/index.ts'
import { openOf } from '../../support/raw-peer.ts'
import { ip, macRoute } from '../../support/speakers.ts'
import type { TcpPeer } from '../../support/tcp-peer.ts'
import { until } from '../../support/until.ts'
import { AS_PATH, attribute, LOCAL_PREF, ORIGIN, update } from '../../support/update-bytes.ts'
import { ALL_FAMILIES, HOST, loopback, Victim } from '../../support/victim.ts'

/** How far a session is before a case says its piece. */
export const STAGES = ['OpenSent', 'OpenConfirm', 'Established'] as const
export type Stage = (typeof STAGES)[number]

const BYSTANDER_MACS = Array.from({ length: 10 }, (_, i) => mac(0xb0, i))

function mac(kind: number, number: number): string {
  const octets = [2, kind, number >>> 24, number >>> 16, number >>> 8, number]
  return octets.map((octet) => (octet & 255).toString(16).padStart(2, '0')).join(':')
}

/** An OPEN as the peer at an address would send it: every family, nothing that is optional. */
export function openFrom(host: number, changes: Partial<Open> = {}): Open {
  const as = host === HOST.external ? 65001 : host === HOST.external4 ? 4200000001 : 64512
  const capabilities = {
    ...noCapabilities(),
    families: [...ALL_FAMILIES],
    fourOctetAs: as,
    routeRefresh: true,
  }
  return openOf({ as, identifier: 0x0a000000 + host, capabilities, ...changes })
}

const hexOf = (address: string): string => Buffer.from(ip(address), 'latin1').toString('hex')

/** An UPDATE that advertises these MAC addresses with everything that forwarding needs. */
export function advertisement(
  from: string,
  macs: readonly string[],
  { internal, addPathReceive }: SessionContext = DEFAULT_CONTEXT,
): Buffer {
  const pathId = addPathReceive.has(EVPN) ? '00000000' : ''
  const nlri = macs.map((one) => {
    const body = `0001${hexOf(from)}0001${'00'.repeat(14)}30${one.replaceAll(':', '')}00000064`
    return `${pathId}0221${body}`
  })
  const target = '0002fc000000000a'
  const vxlan = '030c000000000008'
  return update(
    attribute(0x80, 14, `00194604${hexOf(from)}00${nlri.join('')}`) +
      ORIGIN +
      AS_PATH +
      (internal ? LOCAL_PREF : '') +
      attribute(0xc0, 16, target + vxlan),
  )
}

/** Where the cases are played: a victim, a bystander who must not notice, and the connections of the case. */
export class Field {
  readonly victim: Victim
  private readonly bystander: TcpPeer
  private readonly peers: TcpPeer[] = []
  private harm: { readonly bystander: string; readonly dataplane: string; readonly shown: string } | null =
    null
  private marks = 0

  private constructor(victim: Victim) {
    this.victim = victim
    this.bystander = victim.connect(HOST.bystander).keepAlive()
  }

  static async open(changes: Partial<SpeakerConfig> = {}): Promise<Field> {
    const field = new Field(await Victim.start(changes))
    await field.establish(field.bystander, HOST.bystander, { holdTimeSeconds: 0 })
    const ends = new Writer()
    for (const family of [ROUTE_TARGET, EVPN]) writeEndOfRib(ends, family)
    field.bystander.send(advertisement(loopback(HOST.bystander), BYSTANDER_MACS), ends.copy())
    await until('the routes of the bystander', () => field.receivedFrom(HOST.bystander) === 10)
    await field.received(field.bystander)
    await field.victim.reconciler.settled(
      [...field.victim.reconciler.statuses.entries()].map(({ entry }) => entry),
    )
    field.harm = await field.look()
    return field
  }

  async close(): Promise<void> {
    this.bystander.hangUp()
    await this.victim.stop()
  }

  /** Plays a case, and makes sure that only its own session was affected. */
  async play(scene: (field: Field) => Promise<void>): Promise<void> {
    const answer = this.victim.get('/looking-glass/bgp/peers')
    try {
      await scene(this)
    } finally {
      await this.clear()
    }
    expect((await answer).status).toBe(200)
    await this.expectAllWell()
  }

  connect(host: number = HOST.internal): TcpPeer {
    const peer = this.victim.connect(host)
    this.adopt(peer)
    return peer
  }

  /** Makes a connection one of the case's own: it is gone when the case is over. */
  adopt(peer: TcpPeer): void {
    this.peers.push(peer)
  }

  bgpPeer(host: number = HOST.internal): BgpPeer {
    return this.victim.bgpPeer(host)
  }

  stateOf(host: number = HOST.internal): string {
    return this.bgpPeer(host).sessions.state
  }

  /** A new connection whose session is at this stage. */
  async at(stage: Stage, host: number = HOST.internal, open: Partial<Open> = {}): Promise<TcpPeer> {
    const peer = this.connect(host)
    await peer.receives(MessageType.Open)
    if (stage === 'OpenSent') return peer
    peer.send(encodeOpen(openFrom(host, open)))
    await peer.receives(MessageType.Keepalive)
    if (stage === 'OpenConfirm') return peer
    peer.send(KEEPALIVE)
    await this.established(host)
    return peer
  }

  async established(host: number = HOST.internal): Promise<void> {
    await until(`the session with ${loopback(host)}`, () => this.stateOf(host) === 'Established', {
      seen: () => `it is ${this.stateOf(host)}, last error ${this.bgpPeer(host).sessions.lastError}`,
    })
  }

  /** Waits until everything that was sent before was taken: a route that is advertised now is there. Ends the wait if the session does. */
  async taken(peer: TcpPeer, host: number = HOST.internal): Promise<void> {
    const address = loopback(host)
    const mark = macRoute(address, mac(0xaa, ++this.marks), null)
    const context = this.bgpPeer(host).negotiated?.context ?? DEFAULT_CONTEXT
    peer.send(advertisement(address, [mac(0xaa, this.marks)], context))
    const key = keyOf(evpn, mark)
    await until('the session to take a route', () => this.victim.routes.routes.has(key) || peer.ended, {
      seen: () => peer.summary(),
    })
    expect(peer.ended, peer.summary()).toBeNull()
  }

  /** Waits until a peer that wants every family has received the End-of-RIB of each. */
  async received(peer: TcpPeer): Promise<void> {
    const ends = (): number => peer.of('update').filter(({ update }) => update.endOfRib !== null).length
    await until('every End-of-RIB', () => ends() === ALL_FAMILIES.length, { seen: () => peer.summary() })
  }

  /** The best routes that carry RED and came from a peer, without those that only mark time. */
  routesFrom(host: number = HOST.internal): Route[] {
    const { source } = this.bgpPeer(host)
    return [...this.victim.routes.routes.values()].filter(
      (route) => route.source === source && !isMark(route),
    )
  }

  private receivedFrom(host: number): number {
    return this.bgpPeer(host).source.routeCount
  }

  private async establish(peer: TcpPeer, host: number, open: Partial<Open> = {}): Promise<void> {
    await peer.receives(MessageType.Open)
    peer.send(encodeOpen(openFrom(host, open)))
    await peer.receives(MessageType.Keepalive)
    peer.send(KEEPALIVE)
    await this.established(host)
  }

  /** The connections of the case are gone, and what they left with them. */
  private async clear(): Promise<void> {
    for (const peer of this.peers.splice(0)) peer.hangUp()
    for (const [address, { sessions, source, staleRoutes }] of this.victim.speaker.peers) {
      if (address === ip(loopback(HOST.bystander))) continue
      await until(`the end of the session with ${sessions.name}`, () => !isLive(sessions.state))
      staleRoutes.releaseAll()
      await until(`the end of the routes of ${sessions.name}`, () => source.routeCount === 0)
    }
  }

  /** The victim takes a good session at once, and everything else is as it was. */
  private async expectAllWell(): Promise<void> {
    const host = HOST.internal
    const peer = this.victim.connect(host)
    await this.establish(peer, host)
    await this.taken(peer, host)
    peer.hangUp()
    await until('the end of the good session', () => this.receivedFrom(host) === 0)
    expect(await this.look()).toEqual(this.harm)
  }

  /** What must never change. */
  private async look(): Promise<NonNullable<Field['harm']>> {
    const { victim, bystander } = this
    const { sessions, source } = victim.bgpPeer(HOST.bystander)
    const answer = await victim.get('/looking-glass/vpns/instances/net1/best_routes')
    expect(answer.status).toBe(200)
    return {
      bystander: `${sessions.state}, established ${sessions.establishedCount} times, ${source.routeCount} routes, ${bystander.summary().replace(/( 4)+/, ' 4')}`,
      dataplane: [...victim.reconciler.statuses.entries()]
        .map(({ entry, status }) => `${identity(entry)} ${status.state}`)
        .sort()
        .join('\n'),
      shown: answer.body,
    }
  }
}

function isMark({ nlri }: Route): boolean {
  return 'mac' in nlri && Math.floor(nlri.mac / 2 ** 32) === 0x2aa
}

function isLive(state: string): boolean {
  return state === 'OpenSent' || state === 'OpenConfirm' || state === 'Established'
}
