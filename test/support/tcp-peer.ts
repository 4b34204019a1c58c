import net from 'node:net'
import { MessageType } from '../../src/bgp/constants.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import type { Notification } from '../../src/bgp/errors.ts'
import { decodeMessage, KEEPALIVE, type Message } from '../../src/bgp/message/index.ts'
import { decodeNotification } from '../../src/bgp/message/notification.ts'
import { encodeOpen, type Open } from '../../src/bgp/message/open.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { PATIENCE_SECONDS } from '../../src/lab/eventually.ts'
import { openOf } from './raw-peer.ts'
import { until } from './until.ts'

export interface Received {
  readonly type: number
  /** The whole message, header included. */
  readonly bytes: Buffer
  /** When, in milliseconds of `performance.now()`. */
  readonly at: number
}

/** A BGP peer by hand on a connection of the kernel: sends any octets in any pieces, and keeps messages that it receives. */
export class TcpPeer {
  readonly socket: net.Socket
  readonly received: Received[] = []
  /** How the other side ended the connection; null while it did not. */
  ended: 'closed' | 'reset' | null = null
  connected = false
  /** Called for every message, after it was kept. */
  onMessage: (received: Received) => void = () => {}
  private readonly framer = new Framer()

  constructor(socket: net.Socket) {
    this.socket = socket
    this.framer.extended = true
    socket.setNoDelay(true)
    socket.on('connect', () => {
      this.connected = true
    })
    socket.on('data', (chunk: Buffer) => this.read(chunk))
    socket.on('end', () => {
      this.ended ??= 'closed'
    })
    socket.on('error', () => {
      this.ended ??= 'reset'
    })
  }

  static connect(from: string, to: string, port: number): TcpPeer {
    return new TcpPeer(net.connect({ localAddress: from, host: to, port, allowHalfOpen: true }))
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const bytes of messages) this.socket.write(bytes)
  }

  sendOpen(changes: Partial<Open> = {}): void {
    this.send(encodeOpen(openOf(changes)))
  }

  /** Answers keepalives with keepalives from now on. */
  keepAlive(): this {
    this.onMessage = ({ type }) => {
      if (type === MessageType.Keepalive) this.send(KEEPALIVE)
    }
    return this
  }

  /** Half-closes the connection, and goes on reading. */
  halfClose(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  hangUp(): void {
    this.socket.destroy()
  }

  /** The received messages of one type, decoded as for a session without extensions. */
  of<T extends Message['type']>(type: T): Extract<Message, { type: T }>[] {
    return this.received
      .map((frame) => decodeMessage(frame, DEFAULT_CONTEXT))
      .filter((message): message is Extract<Message, { type: T }> => message.type === type)
  }

  count(type: number): number {
    return this.received.reduce((count, frame) => count + Number(frame.type === type), 0)
  }

  get notification(): Notification | undefined {
    const frame = this.received.find(({ type }) => type === MessageType.Notification)
    return frame && decodeNotification(frame.bytes)
  }

  /** Waits for the `count`th message of a type. */
  async receives(type: number, count = 1): Promise<void> {
    await until(`message ${count} of type ${type}`, () => this.count(type) >= count, {
      seen: () => this.summary(),
    })
  }

  /** Waits until the other side has ended the connection; returns how. */
  async ends(withinSeconds = PATIENCE_SECONDS): Promise<'closed' | 'reset'> {
    return until('the end of the connection', () => this.ended, { seen: () => this.summary(), withinSeconds })
  }

  /** The received messages, in words. */
  summary(): string {
    const { notification } = this
    const reported =
      notification &&
      ` ${notification.code}/${notification.subcode} ${Buffer.from(notification.data.subarray(0, 64)).toString('hex')}`
    return `received types ${this.received.map(({ type }) => type).join(' ') || 'none'}${reported ?? ''}, connection ${this.ended ?? 'open'}`
  }

  private read(chunk: Buffer): void {
    this.framer.push(Buffer.from(chunk))
    for (let frame = this.framer.next(); frame !== null; frame = this.framer.next()) {
      const received = { ...frame, at: performance.now() }
      this.received.push(received)
      this.onMessage(received)
    }
  }
}
