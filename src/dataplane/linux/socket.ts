import * as libc from '../../linux/libc.ts'
import {
  AF_NETLINK,
  EAGAIN,
  ENOBUFS,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  SO_ATTACH_BPF,
  SO_ATTACH_FILTER,
  SO_DETACH_FILTER,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
} from './constants.ts'

/** The kernel fills a datagram of a dump up to 32 KiB. */
const RECEIVE_BYTES = 64 * 1024
const DEFAULT_BUFFER_BYTES = 4 << 20

export interface NetlinkSocketOptions {
  /** Default `NETLINK_ROUTE`. */
  readonly protocol?: number
  /** Multicast groups to listen to. */
  readonly groups?: readonly number[]
  /** Receive buffer size of the kernel. */
  readonly bufferBytes?: number
  /** Where to receive to, of `receiveBuffer`; by default one of its own. */
  readonly bytes?: Buffer
}

export function receiveBuffer(): Buffer {
  return Buffer.alloc(RECEIVE_BYTES)
}

/** The result of one `receive`: bytes in `bytes`, nothing there, or messages lost for want of buffer. */
export type Received = number | 'nothing' | 'overrun'

/** A netlink socket in the network namespace of the creating thread. */
export class NetlinkSocket {
  /** The data received last. */
  readonly bytes: Buffer
  readonly fd: number
  /** The port by which its requests and their notifications are recognised. */
  readonly port: number

  constructor({
    protocol = NETLINK_ROUTE,
    groups = [],
    bufferBytes = DEFAULT_BUFFER_BYTES,
    bytes = receiveBuffer(),
  }: NetlinkSocketOptions = {}) {
    this.bytes = bytes
    const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK
    this.fd = libc.checked(libc.socket(AF_NETLINK, type, protocol), 'netlink socket')
    this.reserve(bufferBytes)
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
      libc.checked(this.option(SOL_NETLINK, option, 1), `netlink option ${option}`)
    }
    const sockaddrNl = Buffer.alloc(12)
    sockaddrNl.writeUInt16LE(AF_NETLINK, 0)
    libc.checked(libc.bind(this.fd, sockaddrNl, sockaddrNl.length), 'netlink bind')
    libc.checked(libc.getsockname(this.fd, sockaddrNl, libc.int32(sockaddrNl.length)), 'netlink port')
    this.port = sockaddrNl.readUInt32LE(4)
    for (const group of groups) {
      libc.checked(this.option(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group), `netlink group ${group}`)
    }
  }

  /** Sends the writer's messages; the negated errno where that fails. */
  send(writer: { readonly bytes: Buffer; readonly length: number }): number {
    return libc.send(this.fd, writer.bytes, writer.length, 0)
  }

  /** As `send`, by another thread; the writer must stay the same until `done`, which gets whether the messages were sent. */
  sendLater(
    writer: { readonly bytes: Buffer; readonly length: number },
    done: (isSent: boolean) => void,
  ): void {
    libc.sendLater(this.fd, writer.bytes, writer.length, done)
  }

  receive(): Received {
    const result = libc.recv(this.fd, this.bytes, RECEIVE_BYTES, MSG_DONTWAIT | MSG_TRUNC)
    if (result === -EAGAIN) return 'nothing'
    if (result === -ENOBUFS || result > RECEIVE_BYTES) return 'overrun'
    return libc.checked(result, 'netlink receive')
  }

  /** Drops what a classic BPF program, of 8 octets an instruction, rejects; null passes everything. */
  filter(program: Buffer | null): void {
    if (program === null) {
      this.option(SOL_SOCKET, SO_DETACH_FILTER, 0)
      return
    }
    const sockFprog = Buffer.alloc(16)
    sockFprog.writeUInt16LE(program.length / 8, 0)
    sockFprog.writeBigUInt64LE(libc.addressOf(program), 8)
    libc.checked(
      libc.setsockopt(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, sockFprog, sockFprog.length),
      'netlink filter',
    )
  }

  /** Drops what an eBPF program rejects, in place of the filter before; returns whether the kernel takes it. */
  attach(program: number): boolean {
    return this.option(SOL_SOCKET, SO_ATTACH_BPF, program) >= 0
  }

  close(): void {
    libc.close(this.fd)
  }

  /** Sets the buffers beyond the system's limits where permitted, else within them. */
  private reserve(bytes: number): void {
    if (this.option(SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0) this.option(SOL_SOCKET, SO_RCVBUF, bytes)
    this.option(SOL_SOCKET, SO_SNDBUFFORCE, bytes)
  }

  private option(level: number, option: number, value: number): number {
    const bytes = libc.int32(value)
    return libc.setsockopt(this.fd, level, option, bytes, bytes.length)
  }
}
