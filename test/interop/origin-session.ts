import { connect, type Socket } from 'node:net'
import { MessageType } from '../../src/bgp/constants.ts'
import { type Capabilities, noCapabilities } from '../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import { encodeOpen } from '../../src/bgp/message/open.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'

export const OURS = '10.0.0.2'
export const THEIRS = '10.0.0.1'

/** One session with a program, by hand; keeps what it says. */
export class Session {
  readonly received: string[] = []
  private readonly framer = new Framer()
  private readonly socket: Socket
  private readonly openOf: () => Buffer

  constructor(as: number, identifier: number, capabilities: Partial<Capabilities>) {
    const open = { version: 4, as, holdTimeSeconds: 90, identifier }
    this.openOf = () => encodeOpen({ ...open, capabilities: { ...noCapabilities(), ...capabilities } })
    this.framer.extended = true
    this.socket = connect({ host: THEIRS, port: 179, localAddress: OURS })
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk) => this.read(chunk))
  }

  close(): void {
    this.socket.destroy()
  }

  private read(chunk: Buffer): void {
    this.framer.push(chunk)
    for (let frame = this.framer.next(); frame !== null; frame = this.framer.next()) {
      this.received.push(frame.bytes.toString('hex'))
      if (frame.type === MessageType.Open) this.socket.write(this.openOf())
      if (frame.type === MessageType.Open || frame.type === MessageType.Keepalive)
        this.socket.write(KEEPALIVE)
    }
  }
}
