import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorCode } from '../api/errors.ts'
import { errorBody } from './errors.ts'
import { addHandshakes, type ServerTls } from './handshakes.ts'
import { readAbsoluteForm } from './request-target.ts'

/** Maximum connections: agents and operators are few. */
const MAX_CONNECTIONS = 256
/** Requests that a client may send without waiting for answers. */
const MAX_PIPELINED = 8
/** Octets parsed at once. */
const PART_OCTETS = 2048
/** Connections beyond the limit that get an error answer at the same time. */
const MAX_REFUSED = 32

const CLIENT_ERRORS: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
}

/** Time-outs of the HTTP server, in milliseconds. */
const TIMEOUTS = {
  /** Until a request and its headers are received completely; counted from the connection for the first one. */
  headers: 10_000,
  request: 30_000,
  /** How often those two are checked. */
  checks: 2000,
  /** Between two requests. */
  keepAlive: 60_000,
  /** Without a byte in either direction, as of a client that does not read its answer. */
  silence: 300_000,
} as const

const HTTP: ServerOptions = {
  headersTimeout: TIMEOUTS.headers,
  requestTimeout: TIMEOUTS.request,
  connectionsCheckingInterval: TIMEOUTS.checks,
  keepAliveTimeout: TIMEOUTS.keepAlive,
  // otherwise they would be answered without a body
  requireHostHeader: false,
}

/** A client may end its side after its last request, and is still answered (RFC 9112 §9.6). Node has this as a property alone. */
const HALF_OPEN = { httpAllowHalfOpen: true } as const

/** How many connections the API accepts: at most half of the file descriptors of the process. The others are for sessions, netlink and files. */
export function connectionLimit(descriptors: number): number {
  return Math.min(MAX_CONNECTIONS, Math.floor(descriptors / 2))
}

/**
 * Keeps the connections of servers below `limit`: a new one replaces the one that has been idle longest; when all have a request,
 * the new one is refused.
 */
export class ConnectionLimit {
  private readonly limit: number
  /** How many requests of each are not answered yet. */
  private readonly busy = new Map<Socket, number>()
  private readonly idle = new Set<Socket>()
  private readonly refused = new Set<Socket>()

  constructor(limit: number) {
    this.limit = limit
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.add(socket))
    server.on('request', ({ socket }, response) => {
      if (!this.idle.delete(socket) && !this.busy.has(socket)) return
      this.busy.set(socket, (this.busy.get(socket) ?? 0) + 1)
      response.once('close', () => this.answered(socket))
    })
    // A connection that fails, for want of file descriptors perhaps, is left to the client to retry.
    server.on('error', () => {})
  }

  /** Whether the requests of a connection are to be refused. */
  isRefused(socket: Socket): boolean {
    return this.refused.has(socket)
  }

  private answered(socket: Socket): void {
    const { busy, idle } = this
    const asked = busy.get(socket)
    if (asked === undefined) return
    if (asked > 1) busy.set(socket, asked - 1)
    else if (busy.delete(socket) && !socket.destroyed) idle.add(socket)
  }

  private add(socket: Socket): void {
    const { busy, idle, refused } = this
    const isFull = busy.size + idle.size >= this.limit
    const isRefused = isFull && idle.size === 0
    if (isFull && !isRefused) drop(idle)
    if (refused.size >= MAX_REFUSED && isRefused) drop(refused)
    const kept = isRefused ? refused : idle
    kept.add(socket)
    socket.once('close', () => {
      for (const set of [busy, idle, refused]) set.delete(socket)
    })
  }
}

/** A server with these time-outs and limits, in which no client can block others by pipelining requests. */
export function apiServer(
  handler: RequestListener,
  limit: ConnectionLimit,
  tls: () => ServerTls | null = () => null,
): Server {
  const server = createServer(
    HTTP,
    limitPipelining((request, response) => {
      readAbsoluteForm(request)
      handler(request, response)
    }),
  )
  Object.assign(server, HALF_OPEN)
  server.setTimeout(TIMEOUTS.silence)
  // expectations beside `100-continue` may be ignored (RFC 9110 §10.1.1)
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connection', parseInParts)
  limit.watch(server)
  addHandshakes(server, tls)
  return server
}

/** Passes requests on, and closes a connection that sends too many at once: they are read in one go, and all others wait. */
function limitPipelining(handler: RequestListener): RequestListener {
  const recent = new Map<Socket, number>()
  return (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    if (recent.size === 0) setImmediate(() => recent.clear())
    const count = (recent.get(socket) ?? 0) + 1
    recent.set(socket, count)
    if (count <= MAX_PIPELINED) return handler(request, response)
    socket.destroy()
  }
}

/** Parses a connection's data in small parts, since a request cannot stop the parsing of thousands that came with it in one read. */
function parseInParts(socket: Socket): void {
  const [parse] = socket.listeners('data')
  if (parse === undefined) return
  socket.removeAllListeners('data')
  socket.on('data', (octets: Buffer) => {
    for (let at = 0; at < octets.length && !socket.destroyed; at += PART_OCTETS) {
      if (socket.isPaused()) return void socket.unshift(octets.subarray(at))
      parse.call(socket, octets.subarray(at, at + PART_OCTETS))
    }
  })
}

/** Answers data that is no HTTP, or arrives too slowly. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || socket.writableEnded) return
  const kind = CLIENT_ERRORS[error.code ?? ''] ?? 'REQUEST_UNREADABLE'
  const answer = errorBody(kind, `the request cannot be read: ${error.message}`)
  const body = JSON.stringify(answer)
  const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
  if (socket.writable) socket.write(`HTTP/1.1 ${answer.code} ${answer.title}\r\n${headers}\r\n\r\n${body}`)
  socket.destroySoon()
}

/** Closes the oldest. */
function drop(sockets: Set<Socket>): void {
  const [oldest] = sockets
  if (oldest === undefined) return
  sockets.delete(oldest)
  oldest.destroy()
}
