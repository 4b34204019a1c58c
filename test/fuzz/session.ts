import { pino } from 'pino'
import { EVPN, type Family, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { AddPathMode, noCapabilities } from '../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import { encodeOpen, type Open } from '../../src/bgp/message/open.ts'
import { nlriCodecs } from '../../src/bgp/nlri/index.ts'
import type { Connection } from '../../src/bgp/session/transport.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { logged } from '../support/events.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { Collector, ip, peerConfig, rt } from '../support/speakers.ts'
import { AS_PATH, attribute, LOCAL_PREF, MP_REACH, ORIGIN, TARGET, update } from '../support/update-bytes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { PLAIN_MESSAGES } from './messages.ts'
import { mutateBytes, mutateMessage } from './mutate.ts'
import type { Random } from './random.ts'
import { Broken, type Target } from './target.ts'

/** What a hostile peer does, one after the other; an input is a list of these behind an octet that says who it is. */
const Deed = { Send: 0, SendInTwo: 1, Wait: 2, Reconnect: 3, Open: 4, Keepalive: 5, Establish: 6 } as const
const DEEDS = 7
const MAX_DEEDS = 24

interface Step {
  readonly deed: number
  readonly bytes: Buffer
}

const NONE = Buffer.alloc(0)
const VICTIM = ip('10.0.0.1')
const BYSTANDER = ip('10.0.0.2')
const EXTERNAL_AS = 4_200_000_001
const FAMILIES: readonly Family[] = nlriCodecs.map(({ family }) => family)
const MAX_PREFIXES = 2000

/** What the bits of the first octet make of the hostile peer. */
const External = 0x01
const FewFamilies = 0x02
const ToReflector = 0x04
const AddPath = 0x08
const TwoOctetAs = 0x10
const Graceful = 0x20
const EnhancedRefresh = 0x40
const ExtendedMessages = 0x80

function stepsOf(input: Buffer): Step[] {
  const steps: Step[] = []
  for (let at = 1; at + 3 <= input.length && steps.length < MAX_DEEDS; ) {
    const length = input.readUInt16BE(at + 1)
    steps.push({ deed: input[at]! % DEEDS, bytes: input.subarray(at + 3, at + 3 + length) })
    at += 3 + length
  }
  return steps
}

function inputOf(who: number, steps: readonly Step[]): Buffer {
  const written = steps.slice(0, MAX_DEEDS).flatMap(({ deed, bytes }) => {
    const kept = bytes.subarray(0, 0xffff)
    return [Buffer.of(deed, kept.length >>> 8, kept.length & 0xff), kept]
  })
  return Buffer.concat([Buffer.of(who), ...written])
}

function mutate(input: Buffer, random: Random, other: Buffer): Buffer {
  const steps = stepsOf(input)
  const donors = stepsOf(other)
  const who = random.oneIn(8) ? random.below(256) : (input[0] ?? 0)
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) {
    const at = random.below(steps.length + 1)
    const step = steps[at]
    const message = random.pick(PLAIN_MESSAGES)
    switch (random.below(step === undefined ? 4 : 9)) {
      case 0:
        steps.splice(at, 0, { deed: random.below(DEEDS), bytes: message })
        break
      case 1:
        steps.splice(at, 0, {
          deed: Deed.Send,
          bytes: mutateMessage(message, random, random.pick(PLAIN_MESSAGES)),
        })
        break
      case 2:
        if (donors.length > 0) steps.splice(at, 0, random.pick(donors))
        break
      case 3:
        steps.splice(at, 0, { deed: random.oneIn(2) ? Deed.Establish : Deed.Wait, bytes: random.bytes(2) })
        break
      case 4:
        steps.splice(at, 1)
        break
      case 5:
        steps[at] = { ...step!, deed: random.below(DEEDS) }
        break
      case 6:
        steps[at] = { ...step!, bytes: mutateBytes(step!.bytes, random, message) }
        break
      default:
        steps[at] = { ...step!, bytes: mutateMessage(step!.bytes, random, message) }
    }
  }
  return inputOf(who, steps)
}

/** A speaker, a well-behaved peer of it, and a hostile one, all on virtual time. */
class World {
  readonly clock = new VirtualClock()
  readonly speaker: Speaker
  /** Errors that the speaker logged: faults of its own. */
  readonly faults: string[] = []
  private readonly network = new VirtualNetwork(this.clock)
  private readonly bystander: RawPeer
  private readonly hostile = ip('10.0.0.3')
  private readonly open: Partial<Open>
  private readonly poolSize: number
  private connection: Connection

  constructor(who: number) {
    const is = (bit: number): boolean => (who & bit) !== 0
    const as = is(External) ? EXTERNAL_AS : 64512
    const families = is(FewFamilies) ? [EVPN, ROUTE_TARGET] : FAMILIES
    const log = pino({ level: 'error' }, { write: (line: string) => void this.faults.push(line) })
    this.speaker = new Speaker(
      {
        ...SPEAKER_DEFAULTS,
        as: 64512,
        identifier: VICTIM,
        localAddress: VICTIM,
        clusterId: is(ToReflector) ? VICTIM : null,
        peers: [
          peerConfig('10.0.0.2', { passive: true, families: FAMILIES, reflectorClient: true }),
          peerConfig('10.0.0.3', {
            passive: true,
            as,
            families,
            external: 'accept',
            maxPrefixes: MAX_PREFIXES,
          }),
        ],
      },
      {
        clock: this.clock,
        random: () => 0.5,
        transport: this.network.transport,
        events: logged(log, this.clock),
      },
      () => {},
    )
    void this.speaker.start()
    this.speaker.subscribe(new Collector(), rt('64512:10'))
    const capabilities = {
      ...noCapabilities(),
      families: [...families],
      fourOctetAs: is(TwoOctetAs) && !is(External) ? null : as,
      routeRefresh: true,
      enhancedRouteRefresh: is(EnhancedRefresh),
      extendedMessage: is(ExtendedMessages),
      addPath: is(AddPath) ? families.map((family) => ({ family, mode: AddPathMode.Send })) : [],
      gracefulRestart: is(Graceful)
        ? {
            restarting: false,
            notification: true,
            restartTimeSeconds: 60,
            families: families.map((family) => ({ family, forwarding: true })),
          }
        : null,
    }
    this.open = { as, identifier: 0x0a00_0003, capabilities }
    this.bystander = RawPeer.connect(this.network.transport, BYSTANDER, VICTIM, 179).behave()
    this.clock.advance(100)
    this.bystander.send(GOOD_UPDATE)
    this.clock.advance(100)
    this.poolSize = this.speaker.rib.pool.size
    this.connection = this.connect()
  }

  do({ deed, bytes }: Step): void {
    switch (deed) {
      case Deed.Send:
        this.connection.write(Buffer.from(bytes))
        break
      case Deed.SendInTwo:
        this.connection.write(Buffer.from(bytes.subarray(0, bytes.length >>> 1)))
        this.clock.advance(3)
        this.connection.write(Buffer.from(bytes.subarray(bytes.length >>> 1)))
        break
      case Deed.Wait:
        this.clock.advance(10 * (bytes.length >= 2 ? bytes.readUInt16BE(0) : bytes.length))
        break
      case Deed.Reconnect:
        this.reconnect()
        break
      case Deed.Open:
        this.connection.write(encodeOpen(openOf(this.open)))
        break
      case Deed.Keepalive:
        this.connection.write(Buffer.from(KEEPALIVE))
        break
      default:
        this.connection.write(Buffer.concat([encodeOpen(openOf(this.open)), KEEPALIVE]))
    }
    this.clock.advance(5)
  }

  /** The hostile peer is gone: all is as it was, and a good one in its place is served. */
  expectUnharmed(): void {
    this.connection.close()
    this.clock.advance(100)
    const { source, staleRoutes, sessions, routesIn } = this.speaker.peers.get(this.hostile)!
    staleRoutes.releaseAll()
    this.clock.advance(100)
    const quiet = this.speaker.peers.get(BYSTANDER)!
    this.expect(this.faults.length === 0, `fault: ${this.faults[0]}`)
    this.expect(source.routeCount === 0, `${source.routeCount} routes of a peer that is gone`)
    this.expect(
      this.speaker.rib.pool.size === this.poolSize,
      `${this.speaker.rib.pool.size} attribute sets left`,
    )
    this.expect(routesIn.quarantine.length <= 100, 'more in quarantine than fits')
    this.expect(
      quiet.sessions.state === 'Established' && quiet.sessions.establishedCount === 1,
      'the bystander was hurt',
    )
    this.expect(quiet.source.routeCount === 1, 'the route of the bystander was hurt')
    if (sessions.downReason !== null) sessions.start()
    const good = RawPeer.connect(this.network.transport, this.hostile, VICTIM, 179).behave(this.open)
    this.clock.advance(1000)
    this.expect(
      sessions.state === 'Established',
      `a good peer comes no further than ${sessions.state}: ${sessions.lastError}`,
    )
    this.expect(good.notification === undefined, `a good peer gets ${good.notification}`)
    this.speaker.stop('the input is over')
    this.clock.advance(1000)
  }

  private expect(holds: boolean, otherwise: string): void {
    if (!holds) throw new Broken(otherwise)
  }

  private reconnect(): void {
    this.connection.close()
    this.clock.advance(5)
    this.connection = this.connect()
  }

  private connect(): Connection {
    const ignore = { connected() {}, data() {}, drained() {}, closed() {} }
    const to = { address: VICTIM, port: 179, localAddress: this.hostile, md5Key: null, ttlSecurityHops: null }
    const connection = this.network.transport.connect(to, ignore)
    this.clock.advance(5)
    return connection
  }
}

const GOOD_UPDATE = update(MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF + TARGET)
/** Wants every route. */
const WILDCARD = update(attribute(0x80, 14, '000184040a0000010000') + ORIGIN + AS_PATH + LOCAL_PREF)

/** A whole live session, in any state, and what else the speaker has. */
export const sessionTarget: Target = {
  name: 'session',
  batch: 60,
  seeds: [
    inputOf(0, []),
    ...PLAIN_MESSAGES.map((bytes, i) =>
      inputOf(i, [
        { deed: Deed.Establish, bytes: NONE },
        { deed: Deed.Send, bytes: WILDCARD },
        { deed: Deed.Send, bytes },
      ]),
    ),
    ...PLAIN_MESSAGES.filter((_, i) => i % 5 === 0).map((bytes, i) =>
      inputOf(i, [{ deed: Deed.Send, bytes }]),
    ),
  ],
  mutate,
  run(input) {
    const world = new World(input[0] ?? 0)
    for (const step of stepsOf(input)) world.do(step)
    world.expectUnharmed()
  },
}
