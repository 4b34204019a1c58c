import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import type { GracefulRestart } from '../../src/bgp/message/capability.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { decodeMessage, KEEPALIVE, type Message } from '../../src/bgp/message/index.ts'
import { encodeOpen, type Open } from '../../src/bgp/message/open.ts'
import type { Connection, ConnectionHandlers, Transport } from '../../src/bgp/session/transport.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import type { Ip } from '../../src/values/address.ts'

/** What a peer that keeps its forwarding state says in its OPEN. */
export const RESTART: GracefulRestart = {
  restarting: false,
  notification: false,
  restartTimeSeconds: 120,
  families: [{ family: EVPN, forwarding: true }],
}

/** The attributes of a route from an internal peer. */
export function internalAttributes(changes: Partial<Attributes> = {}): Attributes {
  return { ...noAttributes(), origin: 0, asPath: [], localPref: 100, ...changes }
}

export function openOf(changes: Partial<Open> = {}): Open {
  const capabilities = {
    ...noCapabilities(),
    families: [EVPN, ROUTE_TARGET],
    fourOctetAs: 64512,
    routeRefresh: true,
  }
  return { version: 4, as: 64512, holdTimeSeconds: 90, identifier: 0x0a4d0001, capabilities, ...changes }
}

/** A BGP peer by hand: sends messages of the test, and keeps those that it receives. */
export class RawPeer {
  readonly received: Message[] = []
  /** Called for every message, after it was kept. */
  onMessage: (message: Message) => void = () => {}
  closed = false
  connection: Connection | null = null
  private readonly framer = new Framer()

  constructor() {
    this.framer.extended = true
  }

  /** Connects to a speaker. */
  static connect(transport: Transport, from: Ip, to: Ip, port: number): RawPeer {
    const peer = new RawPeer()
    peer.connection = transport.connect(
      { address: to, port, localAddress: from, md5Key: null, ttlSecurityHops: null },
      peer.handlers(),
    )
    return peer
  }

  /** Waits for speakers at an address; each connection is a new peer. */
  static async listen(
    transport: Transport,
    address: Ip,
    port: number,
    onPeer: (peer: RawPeer) => void,
  ): Promise<void> {
    await transport.listen({ address, port }, (connection) => {
      const peer = new RawPeer()
      peer.connection = connection
      onPeer(peer)
      return peer.handlers()
    })
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const bytes of messages) this.connection?.write(Buffer.from(bytes))
  }

  /** Sends the messages that `write` writes. */
  write(write: (w: Writer) => void): void {
    const w = new Writer()
    write(w)
    this.send(w.copy())
  }

  sendOpen(changes: Partial<Open> = {}): void {
    this.send(encodeOpen(openOf(changes)))
  }

  /** Answers an OPEN with ours, and keepalives with keepalives, as a well-behaved peer. */
  behave(changes: Partial<Open> = {}): this {
    this.onMessage = ({ type }) => {
      if (type === 'open') {
        this.sendOpen(changes)
        this.send(KEEPALIVE)
      } else if (type === 'keepalive') this.send(KEEPALIVE)
    }
    return this
  }

  /** The received messages of one type. */
  of<T extends Message['type']>(type: T): Extract<Message, { type: T }>[] {
    return this.received.filter((message): message is Extract<Message, { type: T }> => message.type === type)
  }

  /** The received NOTIFICATION, as `code/subcode`; undefined when there was none. */
  get notification(): string | undefined {
    const [first] = this.of('notification')
    return first && `${first.notification.code}/${first.notification.subcode}`
  }

  private handlers(): ConnectionHandlers {
    return {
      connected: () => {},
      data: (chunk) => {
        this.framer.push(chunk)
        for (let frame = this.framer.next(); frame !== null; frame = this.framer.next()) {
          const message = decodeMessage(frame, DEFAULT_CONTEXT)
          this.received.push(message)
          this.onMessage(message)
        }
      },
      drained: () => {},
      closed: () => {
        this.closed = true
      },
    }
  }
}
