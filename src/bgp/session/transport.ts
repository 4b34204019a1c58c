import type { Ip } from '../../values/address.ts'
import type { Closable } from '../../values/closable.ts'
import type { Md5Drops } from './md5-drops.ts'

/** Events of a connection; `closed` is the last one, with the error where there was one. */
export interface ConnectionHandlers {
  /** The connection attempt has succeeded. */
  connected(): void
  data(chunk: Buffer): void
  /** Everything written so far is on its way. */
  drained(): void
  closed(error: Error | null): void
}

/** A TCP connection or an equivalent. Handlers are never called from within its methods. */
export interface Connection extends Closable {
  readonly localAddress: Ip
  readonly remoteAddress: Ip
  /** Octets that were written and not taken by the network yet. */
  readonly unsent: number
  /** Takes ownership of `bytes`. */
  write(bytes: Buffer): void
  /** Sends the written data, then closes. */
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

/** The protection of connections from an address or a prefix. */
export interface Protection {
  readonly address: Ip
  readonly prefixLength: number
  readonly md5Key: string | null
  readonly ttlSecurityHops: number | null
}

export interface Listener extends Closable {
  /** Protects connections that arrive from then on; replaces all earlier settings. Throws when the system cannot. */
  protect(protections: readonly Protection[]): void
}

/** Accepts an incoming connection by returning its handlers; null refuses it. */
export type Accept = (connection: Connection) => ConnectionHandlers | null

export interface Transport {
  connect(options: ConnectOptions, handlers: ConnectionHandlers): Connection
  /** Rejects when it cannot listen on the address. */
  listen(at: TcpEndpoint, accept: Accept): Promise<Listener>
  /** Segments dropped for their MD5 signature; null where that is not known. */
  md5Drops?(): Md5Drops | null
}
