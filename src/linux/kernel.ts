import { statSync } from 'node:fs'
import * as libc from './libc.ts'
import { readProc } from './proc.ts'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 0o2000002
const SOL_SOCKET = 1
/** Linux 5.14. */
const SO_NETNS_COOKIE = 71

/**
 * Identifies this boot of this machine and the present network namespace: kernel state lives as long as both. No other namespace
 * of a boot ever has the same cookie, while the inode of a removed one is reused.
 */
export function kernelIdentity(): string {
  const cookie = namespaceCookie()
  return cookie === null ? identityByInode() : `${bootId()}/cookie ${cookie}`
}

/** Whether an identity is that of this kernel, also one that an earlier version wrote. */
export function isThisKernel(identity: string): boolean {
  return identity === kernelIdentity() || identity === identityByInode()
}

/** Whether it is of this boot. */
export function isThisBoot(identity: string): boolean {
  return identity.startsWith(`${bootId()}/`)
}

function identityByInode(): string {
  return `${bootId()}/${statSync('/proc/thread-self/ns/net').ino}`
}

function bootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id').trim()
}

/** Null on a kernel that has none. */
function namespaceCookie(): bigint | null {
  const socket = libc.checked(libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0), 'socket')
  const cookie = new BigUint64Array(1)
  const result = libc.getsockopt(
    socket,
    SOL_SOCKET,
    SO_NETNS_COOKIE,
    new Uint8Array(cookie.buffer),
    libc.int32(cookie.byteLength),
  )
  libc.close(socket)
  return result < 0 ? null : cookie[0]!
}
