import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls'
import { isLoopback } from '../values/address.ts'

/** TLS handshakes under way at the same time. */
const MAX_HANDSHAKES = 32
/** Time for one. */
const HANDSHAKE_MS = 10_000

/** PEM texts. */
export interface ServerTls {
  readonly certificate: string
  readonly key: string
  /** The CAs of client certificates; null when clients need none. */
  readonly clientCa: string | null
}

/** By which CAs the client's certificate was found valid. */
const verifiers = new WeakMap<Socket, string>()

/** Whether a client has presented a certificate that is valid by these CAs (PEM). */
export function isCertifiedBy(socket: Socket, clientCa: string): boolean {
  return verifiers.get(socket) === clientCa
}

/**
 * Has connections begin with a TLS handshake while `current` has certificates; agents on this machine go on without. Connections that exist go on when
 * the certificates change. To be called when the server has all its listeners. A handshake may take `ms` milliseconds.
 */
export function addHandshakes(server: Server, current: () => ServerTls | null, ms = HANDSHAKE_MS): void {
  const listeners = server.listeners('connection')
  const accept = (socket: Socket) => {
    for (const listener of listeners) listener.call(server, socket)
  }
  const handshakes = new Handshakes(accept, ms)
  // Node's server does not know them, and its end waits for all connections
  const closeOthers = server.closeAllConnections.bind(server)
  server.closeAllConnections = () => {
    handshakes.close()
    closeOthers()
  }
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const tls = current()
    if (tls === null || isLoopback(socket.remoteAddress ?? '')) accept(socket)
    else handshakes.begin(socket, tls)
  })
}

/** The handshakes under way: beyond the limit, the oldest is given up. */
class Handshakes {
  private readonly sockets = new Map<string, Socket>()
  private readonly done: (socket: TLSSocket) => void
  private readonly ms: number
  private tls: ServerTls | null = null
  private server: TlsServer | null = null

  constructor(done: (socket: TLSSocket) => void, ms: number) {
    this.done = done
    this.ms = ms
  }

  close(): void {
    for (const socket of this.sockets.values()) socket.destroy()
  }

  begin(socket: Socket, tls: ServerTls): void {
    const { sockets } = this
    const name = nameOf(socket)
    const [oldest] = sockets.values()
    if (sockets.size >= MAX_HANDSHAKES) oldest?.destroy()
    sockets.set(name, socket)
    socket.once('close', () => sockets.delete(name))
    this.serverOf(tls).emit('connection', socket)
  }

  private serverOf(tls: ServerTls): TlsServer {
    if (this.server === null || this.tls !== tls) this.server = this.newServer(tls)
    this.tls = tls
    return this.server
  }

  private newServer(tls: ServerTls): TlsServer {
    const { clientCa } = tls
    const server = createServer({ ...optionsOf(tls), handshakeTimeout: this.ms }, (socket) => {
      this.sockets.delete(nameOf(socket))
      // Without CAs of ours, no certificate is asked for.
      if (socket.authorized && clientCa !== null) verifiers.set(socket, clientCa)
      this.done(socket)
    })
    // one that takes too long is otherwise left open
    return server.on('tlsClientError', (_error, socket) => socket.destroy())
  }
}

function optionsOf({ certificate, key, clientCa }: ServerTls): TlsOptions {
  const ofClients = clientCa === null ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }
  const common = { ALPNProtocols: ['http/1.1'] }
  return { cert: certificate, key, ...common, ...ofClients }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
