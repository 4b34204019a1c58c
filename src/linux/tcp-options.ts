import { IPV4_LENGTH, type Ip, isIpv4 } from '../values/address.ts'
import { bind, checked, close, int32, setsockopt, socket } from './libc.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
const IPPROTO_IP = 0
const IPPROTO_TCP = 6
const IPPROTO_IPV6 = 41
const IP_TTL = 2
const IP_MINTTL = 21
const IPV6_UNICAST_HOPS = 16
const IPV6_MINHOPCOUNT = 73
const TCP_MD5SIG = 14
const TCP_MD5SIG_EXT = 32
/** Octets of struct tcp_md5sig, and the offsets of its fields. */
const MD5SIG = {
  length: 216,
  flags: 128,
  prefixLength: 129,
  keyLength: 130,
  key: 136,
  maxKeyLength: 80,
} as const
const MD5SIG_FLAG_PREFIX = 1
const MAX_TTL = 255

/** Opens a TCP socket bound to `from`, for options that must be set before it connects. Throws when the system refuses. */
export function openSocket(from: Ip): number {
  const family = isIpv4(from) ? AF_INET : AF_INET6
  const fd = checked(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP), 'socket')
  const address = socketAddress(from)
  const result = bind(fd, address, address.length)
  if (result < 0) close(fd)
  checked(result, 'bind')
  return fd
}

/** Signs segments to and from an address or prefix with a key (RFC 2385); an empty key ends that. */
export function setMd5Key(fd: number, address: Ip, prefixLength: number, key: string): void {
  const octets = Buffer.from(key, 'utf8')
  if (octets.length > MD5SIG.maxKeyLength)
    throw new Error(`an MD5 key has at most ${MD5SIG.maxKeyLength} octets`)
  const value = Buffer.alloc(MD5SIG.length)
  value.set(socketAddress(address))
  const wholeAddress = prefixLength === address.length * 8
  if (!wholeAddress) {
    value[MD5SIG.flags] = MD5SIG_FLAG_PREFIX
    value[MD5SIG.prefixLength] = prefixLength
  }
  value.writeUInt16LE(octets.length, MD5SIG.keyLength)
  value.set(octets, MD5SIG.key)
  const option = wholeAddress ? TCP_MD5SIG : TCP_MD5SIG_EXT
  checked(setsockopt(fd, IPPROTO_TCP, option, value, value.length), 'TCP MD5 signature')
}

/** Accepts segments only from within this many hops (RFC 5082 §3). */
export function setTtlSecurity(fd: number, family: Ip, hops: number): void {
  const [level, ttl, minimum] = isIpv4(family)
    ? ([IPPROTO_IP, IP_TTL, IP_MINTTL] as const)
    : ([IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MINHOPCOUNT] as const)
  checked(setsockopt(fd, level, ttl, int32(MAX_TTL), 4), 'TTL')
  checked(setsockopt(fd, level, minimum, int32(MAX_TTL - hops + 1), 4), 'minimum TTL')
}

/** Makes a listener answer with the TTL that GTSM requires: its SYN-ACK is sent before `accept`. */
export function setFullTtl(fd: number, address: Ip): void {
  checked(setsockopt(fd, IPPROTO_IP, IP_TTL, int32(MAX_TTL), 4), 'TTL')
  if (!isIpv4(address))
    checked(setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, int32(MAX_TTL), 4), 'hop limit')
}

/** struct sockaddr_in or sockaddr_in6 with port 0. */
function socketAddress(ip: Ip): Uint8Array {
  const ipv4 = ip.length === IPV4_LENGTH
  const address = Buffer.alloc(ipv4 ? 16 : 28)
  address.writeUInt16LE(ipv4 ? AF_INET : AF_INET6)
  address.write(ip, ipv4 ? 4 : 8, 'latin1')
  return address
}
