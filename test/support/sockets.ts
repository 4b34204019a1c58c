import koffi from 'koffi'
import { enterNamespace } from '../../src/lab/namespace.ts'
import * as libc from '../../src/linux/libc.ts'
import { u16 } from './frames.ts'

const c = koffi.load(null)
const ifNameToIndex = c.func('unsigned int if_nametoindex(const char *)')
const listenOn = c.func('int listen(int, int)')
const acceptFrom = c.func('int accept4(int, void *, void *, int)')

const [AF_INET, AF_INET6, AF_PACKET] = [2, 10, 17]
const [SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_NONBLOCK, SOCK_CLOEXEC] = [1, 2, 3, 0x800, 0x80000]
const SOL_PACKET = 263
const PACKET_IGNORE_OUTGOING = 23
const [SOL_SOCKET, SO_REUSEADDR, SO_RCVBUFFORCE] = [1, 2, 33]
const [IPPROTO_IPV6, IPV6_V6ONLY] = [41, 26]
const RECEIVE_BUFFER = 1 << 22
export const ETH_P_ALL = 3

/** Calls a function while this thread is in a namespace; null: in its own. */
export function within<T>(namespace: string | null, action: () => T): T {
  if (namespace === null) return action()
  const leave = enterNamespace(namespace)
  try {
    return action()
  } finally {
    leave()
  }
}

/** A socket in another namespace, that is read without waiting. */
export class Socket {
  private readonly fd: number
  private static readonly room = Buffer.alloc(65536)

  protected constructor(fd: number) {
    this.fd = fd
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, libc.int32(RECEIVE_BUFFER), 4)
  }

  /** Frames of an interface. What leaves by it is seen as well where `outgoing`. */
  static ofInterface(namespace: string | null, device: string, { outgoing = false } = {}): Socket {
    return within(namespace, () => {
      const index: number = ifNameToIndex(device)
      if (index === 0) throw new Error(`${namespace ?? 'this namespace'} has no ${device}`)
      const socket = Socket.ofFrames(ETH_P_ALL, index)
      if (!outgoing) socket.set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
      return socket
    })
  }

  /** Frames of an Ethernet protocol that the kernel of a namespace hands to its stack, by whatever interface they came. */
  static ofProtocol(namespace: string | null, protocol: number): Socket {
    return within(namespace, () => Socket.ofFrames(protocol, 0))
  }

  private static ofFrames(protocol: number, index: number): Socket {
    const socket = new Socket(opened(AF_PACKET, SOCK_RAW, 0))
    const address = Buffer.alloc(20)
    address.writeUInt16LE(AF_PACKET, 0)
    address.writeUInt16BE(protocol, 2)
    address.writeInt32LE(index, 4)
    libc.checked(libc.bind(socket.fd, address, address.length), 'bind')
    return socket
  }

  /** Packets of an IP protocol that the kernel of a namespace takes to be for itself; of IPv4 with the header. */
  static raw(namespace: string, family: 'IPv4' | 'IPv6', protocol: number): Socket {
    return within(
      namespace,
      () => new Socket(opened(family === 'IPv4' ? AF_INET : AF_INET6, SOCK_RAW, protocol)),
    )
  }

  /** A service of a namespace, on all its addresses of both families. */
  static udpService(namespace: string, port: number): Socket {
    return within(namespace, () => new Socket(opened(AF_INET6, SOCK_DGRAM, 0)).serve(port))
  }

  static tcpService(namespace: string, port: number): Socket {
    return within(namespace, () => {
      const socket = new Socket(opened(AF_INET6, SOCK_STREAM, 0)).serve(port)
      libc.checked(listenOn(socket.fd, 64), 'listen')
      return socket
    })
  }

  private serve(port: number): this {
    this.set(SOL_SOCKET, SO_REUSEADDR, 1)
    this.set(IPPROTO_IPV6, IPV6_V6ONLY, 0)
    const address = Buffer.alloc(28)
    address.writeUInt16LE(AF_INET6, 0)
    u16(port).copy(address, 2)
    libc.checked(libc.bind(this.fd, address, address.length), `bind to port ${port}`)
    return this
  }

  /** Whether the kernel took it: not where the link is down. */
  send(frame: Buffer): boolean {
    return libc.send(this.fd, frame, frame.length, 0) === frame.length
  }

  /** What has arrived since the last look. */
  take(): Buffer[] {
    const taken: Buffer[] = []
    for (;;) {
      const length = libc.recv(this.fd, Socket.room, Socket.room.length, 0)
      if (length < 0) return taken
      taken.push(Buffer.from(Socket.room.subarray(0, length)))
    }
  }

  /** How many connections were made to a TCP service since the last look. */
  connections(): number {
    for (let count = 0; ; count++) {
      const fd: number = acceptFrom(this.fd, null, null, 0)
      if (fd < 0) return count
      libc.close(fd)
    }
  }

  close(): void {
    libc.close(this.fd)
  }

  private set(level: number, option: number, value: number): void {
    libc.checked(libc.setsockopt(this.fd, level, option, libc.int32(value), 4), `option ${option}`)
  }
}

function opened(domain: number, type: number, protocol: number): number {
  return libc.checked(libc.socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), 'socket')
}
