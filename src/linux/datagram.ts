import { constants } from 'node:os'
import * as libc from './libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 0o2004002
const MSG_DONTWAIT_NOSIGNAL = 0x4040
/** Of `sun_path` in `struct sockaddr_un`. */
const MAX_PATH_OCTETS = 108

/** A failed call of the socket; `code` is the name of its errno, as in errors of Node. */
export class DatagramError extends Error {
  readonly code: string

  constructor(call: string, path: string, errno: number) {
    const code = libc.errnoName(errno)
    super(`${code}: ${call} ${path}`)
    this.code = code
  }
}

/** A connected Unix datagram socket, which Node does not offer. Sending never blocks. */
export class UnixDatagram {
  private readonly fd: number
  private readonly path: string

  /** A path that begins with `@` is a name in the abstract namespace (unix(7)). Throws `DatagramError`. */
  constructor(path: string) {
    this.path = path
    this.fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0)
    if (this.fd < 0) throw new DatagramError('socket', path, -this.fd)
    const address = socketAddress(path)
    const result =
      address === null ? -constants.errno.ENAMETOOLONG : libc.connect(this.fd, address, address.length)
    if (result >= 0) return
    this.close()
    throw new DatagramError('connect', path, -result)
  }

  /** Throws `DatagramError`: EAGAIN where the receiver is slow, EMSGSIZE where the datagram is too large. */
  send(bytes: Uint8Array): void {
    const result = libc.send(this.fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL)
    if (result < 0) throw new DatagramError('send', this.path, -result)
  }

  close(): void {
    libc.close(this.fd)
  }
}

/** A `struct sockaddr_un`; null where the path does not fit. */
function socketAddress(path: string): Uint8Array | null {
  const isAbstract = path.startsWith('@')
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`)
  if (name.length > MAX_PATH_OCTETS) return null
  return Buffer.concat([new Uint8Array(Uint16Array.of(AF_UNIX).buffer), name])
}
