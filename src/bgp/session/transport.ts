import type { Ip } from '../../values/address.ts'
import type { Md5Drops } from './md5-drops.ts'

/** What happens on a connection; `closed` is the last thing said, with the error where there was one. */
export interface ConnectionHandlers {
  /** The connection that was asked for stands. */
  connected(): void
  data(chunk: Buffer): void
  /** Everything written so far is on its way. */
  drained(): void
  closed(error: Error | null): void
}

/** One TCP connection, or something like it. Handlers are never called from within its methods. */
export interface Connection {
  readonly localAddress: Ip
  readonly remoteAddress: Ip
  /** Octets that were written and not taken by the network yet. */
  readonly unsent: number
  /** Takes `bytes` over: the caller does not touch them again. */
  write(bytes: Buffer): void
  /** Sends what was written, then ends. */
  close(): void
}

export interface TcpEndpoint {
  readonly address: Ip
  readonly port: number
}

export interface ConnectOptions extends TcpEndpoint {
  /** Address to connect from. */
  readonly localAddress: Ip
  readonly md5Key: string | null
  readonly ttlSecurityHops: number | null
}

/** What protects connections from an address or a prefix. */
export interface Protection {
  readonly address: Ip
  readonly prefixLength: number
  readonly md5Key: string | null
  readonly ttlSecurityHops: number | null
}

export interface Listener {
  /** Protects connections that arrive from then on, in place of what was said of the same addresses before. Throws when the system cannot. */
  protect(protection: Protection): void
  close(): void
}

/** Takes a connection that arrived: by returning its handlers; null refuses it. */
export type Accept = (connection: Connection) => ConnectionHandlers | null

export interface Transport {
  connect(options: ConnectOptions, handlers: ConnectionHandlers): Connection
  /** Rejects when the address cannot be listened on. */
  listen(at: TcpEndpoint, accept: Accept): Promise<Listener>
  /** What was dropped for its MD5 signature; null where that is not known. */
  md5Drops?(): Md5Drops | null
}
