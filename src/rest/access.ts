import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { hostname } from 'node:os'
import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { RequestError } from '../api/errors.ts'
import { isLoopback, parseIp } from '../values/address.ts'
import { isCertifiedBy, type ServerTls } from './handshakes.ts'

/** Which requests are answered. */
export interface ApiAccess {
  /** What clients present that do not connect from a loopback address (RFC 6750); null for none. */
  readonly token: string | null
  /** Names in Host headers that are accepted beside addresses, `localhost` and the name of this machine; their case does not count. */
  readonly hosts: readonly string[]
  /** With it, clients that do not connect from a loopback address must use TLS. */
  readonly tls: ServerTls | null
  /** Without a token and client certificates, clients on other machines are answered too. */
  readonly unprotected: boolean
  /** Requests that a client on another machine may send in a second; 0: without limit. */
  readonly requestRate: number
}

/** For an API on a loopback address, under no other name. */
export const LOCAL_ACCESS: ApiAccess = {
  token: null,
  hosts: [],
  tls: null,
  unprotected: false,
  requestRate: 0,
}

type Check = (request: FastifyRequest) => RequestError | undefined

/**
 * Refuses what a page in a browser can send to this machine (DNS rebinding, forms), and what lacks the token or the
 * certificate. `isFile` tells connections to a Unix socket: their clients are no browsers, and the mode of the file let them in.
 */
export function accessCheck(current: () => ApiAccess, isFile: (socket: Socket) => boolean): Check {
  return (request) => {
    const access = current()
    const { socket, headers, httpVersion } = request.raw
    const { host, authorization } = headers
    // RFC 9112 §3.2
    if (httpVersion === '1.1' && host === undefined)
      return new RequestError('REQUEST_UNREADABLE', 'the request has no Host header')
    if (isOfOtherSite(request))
      return new RequestError(
        'ORIGIN_REFUSED',
        'the request comes from a page of another site: the API answers none',
      )
    if (isFile(socket)) return undefined
    const isLocal = isLoopback(socket.remoteAddress ?? '')
    // The connection is older than the certificates.
    if (!isLocal && access.tls !== null && !isEncrypted(socket))
      return new RequestError('UNAUTHORIZED', 'expected TLS: connect again')
    if (hasCertificate(socket, access) || hasToken(authorization, access.token)) return undefined
    if (needsCredentials(access)) {
      if (!isLocal) return new RequestError('UNAUTHORIZED', `expected ${credentialsOf(access)}`)
    } else if (!access.unprotected && !isOfThisMachine(socket))
      return new RequestError(
        'CLIENT_REFUSED',
        'without credentials the API answers clients on this machine alone: set token_file or tls_client_ca_file in [API]',
      )
    if (host === undefined || isAllowed(host, access.hosts)) return undefined
    return new RequestError(
      'HOST_REFUSED',
      `the Host header names ${JSON.stringify(host)}, which is no address or name of this node: name it in [API] allowed_hosts`,
    )
  }
}

/** Whether a client is on this machine. An agent may name an address of the node, and then comes from it. */
export function isOfThisMachine({ remoteAddress = '', localAddress }: Socket): boolean {
  return isLoopback(remoteAddress) || remoteAddress === localAddress
}

/** Browsers say so of every request that a page can send without asking first, whatever its type (Fetch §3.2). */
function isOfOtherSite({ raw: { headers, method = '' }, protocol }: FastifyRequest): boolean {
  const { host = '', origin, 'sec-fetch-site': site = '' } = headers
  if (origin !== undefined) return origin.toLowerCase() !== `${protocol}://${host}`.toLowerCase()
  return !['GET', 'HEAD'].includes(method) && ['cross-site', 'same-site'].includes(`${site}`)
}

function needsCredentials({ token, tls }: ApiAccess): boolean {
  return token !== null || (tls !== null && tls.clientCa !== null)
}

function credentialsOf({ token, tls }: ApiAccess): string {
  const certificate = tls?.clientCa ? ['a client certificate'] : []
  return [...(token === null ? [] : ['the header `Authorization: Bearer TOKEN`']), ...certificate].join(
    ' or ',
  )
}

function isEncrypted(socket: Socket | TLSSocket): boolean {
  return 'encrypted' in socket
}

function hasCertificate(socket: Socket, { tls }: ApiAccess): boolean {
  return tls !== null && tls.clientCa !== null && isCertifiedBy(socket, tls.clientCa)
}

/** Compares digests, so that the time says nothing about the token. */
function hasToken(authorization: string | undefined, token: string | null): boolean {
  const [, given] = /^bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
  return given !== undefined && token !== null && timingSafeEqual(digest(given), digest(token))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A page can give its own name another address, but it cannot be at an address that is not its own. */
function isAllowed(host: string, names: readonly string[]): boolean {
  const name = host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
  // some clients leave the zone of a link-local address in (RFC 6874 §1)
  if (name === 'localhost' || parseIp(name.replace(/%.*$/, '')) !== undefined) return true
  return [...ownNames(), ...names].some((one) => one.toLowerCase() === name)
}

/** The machine may get its name later than the daemon starts. */
function ownNames(): string[] {
  const own = hostname()
  return [own, own.split('.')[0] ?? own]
}
