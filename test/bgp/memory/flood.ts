import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import type { BgpPeer } from '../../../src/bgp/bgp-peer.ts'
import { EVPN, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import { noCapabilities } from '../../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { decodeNotification } from '../../../src/bgp/message/notification.ts'
import { encodeOpen, type Open } from '../../../src/bgp/message/open.ts'
import type { Accept, Connection, ConnectionHandlers, Transport } from '../../../src/bgp/session/transport.ts'
import { Speaker } from '../../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS, type SpeakerConfig } from '../../../src/bgp/speaker-config.ts'
import type { Ip } from '../../../src/values/address.ts'
import { logged } from '../../support/events.ts'
import { openOf } from '../../support/raw-peer.ts'
import { ip, peerConfig } from '../../support/speakers.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

export const MIB = 2 ** 20
export const VICTIM = ip('10.0.0.1')
export const HOSTILE = ip('10.0.0.3')

/** A connection that takes what is written, or only counts it while the peer does not read. */
export class Wire implements Connection {
  readonly localAddress = VICTIM
  readonly remoteAddress: Ip
  unsent = 0
  closed = false
  reads = true
  /** The last message that was written. */
  last: Buffer = Buffer.alloc(0)
  handlers: ConnectionHandlers | null = null

  constructor(remoteAddress: Ip) {
    this.remoteAddress = remoteAddress
  }

  write(bytes: Buffer): void {
    if (!this.reads) this.unsent += bytes.length
    this.last = bytes
  }

  close(): void {
    this.closed = true
  }

  /** The NOTIFICATION that ended it, as `code/subcode`; undefined without one. */
  get notification(): string | undefined {
    if (this.last[18] !== 3) return undefined
    const { code, subcode } = decodeNotification(this.last)
    return `${code}/${subcode}`
  }

  send(...messages: readonly Buffer[]): void {
    for (const message of messages) if (!this.closed) this.handlers?.data(message)
  }
}

/** A speaker whose peers' octets are handed to it by the test, at once or with time in between. */
export class Flood {
  readonly clock = new VirtualClock()
  readonly speaker: Speaker
  logged = 0
  private accept: Accept = () => null
  private base = 0

  constructor(changes: Partial<SpeakerConfig> = {}) {
    const transport: Transport = {
      connect: () => new Wire(HOSTILE),
      listen: async (_, accept) => {
        this.accept = accept
        return { protect() {}, close() {} }
      },
    }
    const log = pino({ level: 'warn' }, { write: () => void this.logged++ })
    this.speaker = new Speaker(
      {
        ...SPEAKER_DEFAULTS,
        as: 64512,
        identifier: VICTIM,
        localAddress: VICTIM,
        peers: [peerConfig('10.0.0.3', { passive: true })],
        ...changes,
      },
      { clock: this.clock, random: () => 0.5, transport, events: logged(log, this.clock) },
      () => {},
    )
    void this.speaker.start()
  }

  get bgpPeer(): BgpPeer {
    return this.speaker.peers.get(HOSTILE)!
  }

  /** A connection from that address; null where it is refused. */
  connect(from: Ip = HOSTILE): Wire | null {
    const wire = new Wire(from)
    wire.handlers = this.accept(wire)
    return wire.handlers === null ? null : wire
  }

  /** An established session, whose OPEN says what it must and what `changes` add. */
  establish(changes: Partial<Open['capabilities']> = {}, from: Ip = HOSTILE): Wire {
    const wire = this.connect(from)!
    const capabilities = {
      ...noCapabilities(),
      families: [EVPN, ROUTE_TARGET],
      fourOctetAs: 64512,
      extendedMessage: true,
      ...changes,
    }
    wire.send(encodeOpen(openOf({ capabilities, holdTimeSeconds: 0 })), KEEPALIVE)
    return wire
  }

  /** What is used now is what is used without the flood. */
  async settle(): Promise<void> {
    this.clock.advance(1000)
    this.base = await used()
  }

  /** Fails when more than so much has stayed. */
  async expectBack(octets: number): Promise<void> {
    this.clock.advance(1000)
    const more = (await used()) - this.base
    expectThat(more < octets, `${(more / MIB).toFixed(1)} MiB have stayed`)
  }

  /** What the flood has taken so far, garbage not counted. */
  async taken(): Promise<number> {
    return (await used()) - this.base
  }
}

async function used(): Promise<number> {
  // Promises hold what they were made for until they had their turn; buffers are counted as gone by the next collection.
  for (let rounds = 0; rounds < 3; rounds++) {
    await setImmediate()
    collectGarbage()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}
