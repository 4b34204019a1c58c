import { readFileSync } from 'node:fs'
import net from 'node:net'
import { isWithin } from '../bgp/nlri/prefix.ts'
import type { Md5Drops } from '../bgp/session/md5-drops.ts'
import type {
  Accept,
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  Protection,
  TcpEndpoint,
  Transport,
} from '../bgp/session/transport.ts'
import { formatIp, type Ip, isIpv4, mapped, parseIp, unmapped } from '../values/address.ts'
import { close } from './libc.ts'
import { openSocket, setFullTtl, setMd5Key, setTtlSecurity } from './tcp-options.ts'

/** Time in which a closed connection may still deliver written data, a NOTIFICATION at most. */
const LINGER_MS = 500
/** What Node reads at once; after less, nothing is left for now. */
const READ_OCTETS = 65_536

/** BGP's transport over the kernel's TCP. */
export const tcpTransport: Transport = {
  connect(options: ConnectOptions, handlers: ConnectionHandlers): Connection {
    const { address, localAddress } = options
    const socket = clientSocket(options)
    const connection = new TcpConnection(socket, localAddress, address, handlers)
    if (socket.destroyed) return connection
    socket.once('connect', () => handlers.connected())
    const target = { host: formatIp(address), port: options.port, noDelay: true }
    socket.connect(isProtected(options) ? target : { ...target, localAddress: formatIp(localAddress) })
    return connection
  },

  listen({ address, port }: TcpEndpoint, accept: Accept): Promise<Listener> {
    let protections: readonly Protection[] = []
    const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      const parsed = parseIp(socket.remoteAddress ?? '')
      if (parsed === undefined) {
        socket.destroy()
        return
      }
      const remote = unmapped(parsed)
      const protection = longestMatch(protections, remote)
      if (!isGuarded(socket, remote, protection?.ttlSecurityHops ?? null)) {
        socket.destroy()
        return
      }
      const connection = new TcpConnection(socket, address, remote, null)
      const handlers = accept(connection)
      if (handlers === null) {
        connection.close()
        return
      }
      connection.attach(handlers)
      socket.resume()
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: formatIp(address), port }, () => {
        server.off('error', reject)
        // A connection that fails, for want of file descriptors perhaps, is left to the peer to retry.
        server.on('error', () => {})
        resolve({
          protect(wanted) {
            const descriptor = fileDescriptor(server)
            // An IPv6 socket knows IPv4 addresses as mapped ones, but counts their prefix lengths as IPv4 does.
            const known = (ip: Ip) => (isIpv4(address) ? ip : mapped(ip))
            for (const one of protections)
              if (isSigned(one) && !wanted.some((other) => isSigned(other) && isSamePrefix(one, other)))
                setMd5Key(descriptor, known(one.address), one.prefixLength, '')
            for (const { address: ip, prefixLength, md5Key } of wanted)
              if (md5Key !== null) setMd5Key(descriptor, known(ip), prefixLength, md5Key)
            if (wanted.some(({ ttlSecurityHops }) => ttlSecurityHops !== null))
              setFullTtl(descriptor, address)
            protections = wanted
          },
          close: () => server.close(),
        })
      })
    })
  },

  md5Drops: readMd5Drops,
}

/** The key of a peer itself precedes that of a prefix that contains it. */
function longestMatch(protections: readonly Protection[], remote: Ip): Protection | undefined {
  return protections
    .filter((one) => isWithin(remote, { ip: one.address, length: one.prefixLength }))
    .sort((a, b) => b.prefixLength - a.prefixLength)[0]
}

const isSigned = ({ md5Key }: Protection): boolean => md5Key !== null

function isSamePrefix(one: Protection, other: Protection): boolean {
  return one.address === other.address && one.prefixLength === other.prefixLength
}

const isProtected = ({ md5Key, ttlSecurityHops }: ConnectOptions): boolean =>
  md5Key !== null || ttlSecurityHops !== null

/** The counters of this network namespace in the text of /proc/net/netstat: a line of names, then one of numbers. */
export function parseMd5Drops(netstat: string): Md5Drops | null {
  const [names, numbers] = netstat
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '))
  const count = (name: string) => Number(numbers?.[names?.indexOf(name) ?? -1] ?? Number.NaN)
  const drops = {
    missing: count('TCPMD5NotFound'),
    unexpected: count('TCPMD5Unexpected'),
    wrong: count('TCPMD5Failure'),
  }
  return Object.values(drops).every(Number.isSafeInteger) ? drops : null
}

function readMd5Drops(): Md5Drops | null {
  try {
    return parseMd5Drops(readFileSync('/proc/thread-self/net/netstat', 'utf8'))
  } catch {
    return null
  }
}

/** A socket to connect with; where the system refuses one, a connection that fails. */
function clientSocket(options: ConnectOptions): net.Socket {
  if (!isProtected(options)) return new net.Socket()
  try {
    return protectedSocket(options)
  } catch (error) {
    return new net.Socket().destroy(error as Error)
  }
}

/** A socket with its options, which must be set before it connects. */
function protectedSocket({ address, localAddress, md5Key, ttlSecurityHops }: ConnectOptions): net.Socket {
  const fd = openSocket(localAddress)
  try {
    if (md5Key !== null) setMd5Key(fd, address, address.length * 8, md5Key)
    if (ttlSecurityHops !== null) setTtlSecurity(fd, address, ttlSecurityHops)
  } catch (error) {
    close(fd)
    throw error
  }
  return new net.Socket({ fd, readable: true, writable: true })
}

/** Whether an accepted connection has the configured TTL security; it may be gone already. */
function isGuarded(socket: net.Socket, remote: Ip, hops: number | null): boolean {
  if (hops === null) return true
  try {
    setTtlSecurity(fileDescriptor(socket), remote, hops)
    return true
  } catch {
    return false
  }
}

/** Node does not expose it; sockets that it creates have one all the same. */
function fileDescriptor(of: net.Socket | net.Server): number {
  const { _handle: handle } = of as unknown as { readonly _handle: { readonly fd: number } | null }
  if (handle === null) throw new Error('the socket is closed')
  return handle.fd
}

class TcpConnection implements Connection {
  readonly localAddress: Ip
  readonly remoteAddress: Ip
  private readonly socket: net.Socket
  private handlers: ConnectionHandlers | null

  constructor(socket: net.Socket, localAddress: Ip, remoteAddress: Ip, handlers: ConnectionHandlers | null) {
    this.socket = socket
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.handlers = handlers
    let failure: Error | null = null
    socket.on('data', (chunk: Buffer) => {
      this.handlers?.data(chunk)
      if (chunk.length >= READ_OCTETS) this.rest()
    })
    socket.on('drain', () => this.handlers?.drained())
    socket.on('error', (error) => {
      failure = error
    })
    // A peer that sends no more is gone: `close` would wait, possibly without end, until it has read what we wrote.
    socket.on('end', () => this.closed(null))
    socket.on('close', () => this.closed(failure))
  }

  get unsent(): number {
    return this.socket.writableLength
  }

  attach(handlers: ConnectionHandlers): void {
    this.handlers = handlers
  }

  private closed(failure: Error | null): void {
    const { handlers } = this
    this.handlers = null
    handlers?.closed(failure)
  }

  write(bytes: Buffer): void {
    if (this.socket.writable) this.socket.write(bytes)
  }

  /** Lets other work have its turn: libuv reads up to 32 times in one round of the event loop. */
  private rest(): void {
    this.socket.pause()
    setImmediate(() => this.socket.resume())
  }

  close(): void {
    this.handlers = null
    const { socket } = this
    if (socket.connecting) {
      socket.destroy()
      return
    }
    socket.resume()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  }
}
