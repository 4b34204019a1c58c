import { constants } from 'node:os'
import koffi from 'koffi'

/** The C library that the process itself runs on, glibc or musl. */
const libc = koffi.load(null)

type CFunction<Arguments extends unknown[]> = (...args: Arguments) => number

/** Binds a C function; it returns the function's result, or the negated errno where it failed. */
function bound<Arguments extends unknown[]>(prototype: string): CFunction<Arguments> {
  const call = libc.func(prototype) as CFunction<Arguments>
  return (...args) => {
    const result = call(...args)
    return result < 0 ? -koffi.errno() : result
  }
}

export const socket = bound<[domain: number, type: number, protocol: number]>('int socket(int, int, int)')
export const bind = bound<[fd: number, address: Uint8Array, length: number]>(
  'int bind(int, const void *, unsigned int)',
)
export const connect = bound<[fd: number, address: Uint8Array, length: number]>(
  'int connect(int, const void *, unsigned int)',
)
/** `length` is an in and out parameter: a 32-bit number in host order. */
export const getsockname = bound<[fd: number, address: Uint8Array, length: Uint8Array]>(
  'int getsockname(int, void *, void *)',
)
export const setsockopt = bound<
  [fd: number, level: number, option: number, value: Uint8Array, length: number]
>('int setsockopt(int, int, int, const void *, unsigned int)')
/** `length` is an in and out parameter: a 32-bit number in host order. */
export const getsockopt = bound<
  [fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array]
>('int getsockopt(int, int, int, void *, void *)')
const sendFunction = libc.func('long send(int, const void *, size_t, int)')
export const send = bound<[fd: number, bytes: Uint8Array, length: number, flags: number]>(
  'long send(int, const void *, size_t, int)',
)
/** As `send`, by another thread; `bytes` must stay the same until `done`, which gets whether they were sent. */
export function sendLater(
  fd: number,
  bytes: Uint8Array,
  length: number,
  done: (isSent: boolean) => void,
): void {
  sendFunction.async(fd, bytes, length, 0, (error: Error | null, result: number) =>
    done(error === null && result >= 0),
  )
}
export const recv = bound<[fd: number, bytes: Uint8Array, length: number, flags: number]>(
  'long recv(int, void *, size_t, int)',
)
/** For system calls that the C library has no function for. */
export const syscall = bound<[number: number, a: number, b: Uint8Array, c: number]>(
  'long syscall(long, int, void *, unsigned int)',
)
export const open = bound<[path: string, flags: number]>('int open(const char *, int)')
export const flock = bound<[fd: number, operation: number]>('int flock(int, int)')
export const close = bound<[fd: number]>('int close(int)')
/** `fds` holds a `struct pollfd` of 8 octets for each of `count`; returns how many of them are ready. */
export const poll = bound<[fds: Uint8Array, count: number, ms: number]>(
  'int poll(void *, unsigned long, int)',
)
export const eventfd = bound<[initial: number, flags: number]>('int eventfd(unsigned int, int)')
export const read = bound<[fd: number, bytes: Uint8Array, length: number]>('long read(int, void *, size_t)')
export const write = bound<[fd: number, bytes: Uint8Array, length: number]>(
  'long write(int, const void *, size_t)',
)
/** Moves the calling thread, and the children it starts later, to the namespace behind `fd`. */
export const setns = bound<[fd: number, kind: number]>('int setns(int, int)')
/** Moves the calling thread, and the children it starts later, to new namespaces. */
export const unshare = bound<[flags: number]>('int unshare(int)')

/** The address of the bytes of `buffer`, for structures that hold pointers; valid as long as `buffer` is referenced. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer)
}

/** A 32-bit number in host order, as socket options take it. */
export function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}

const SYNONYMS = new Set(['EWOULDBLOCK', 'ENOTSUP'])
const ERRNO_NAMES = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => !SYNONYMS.has(name))
    .map(([name, errno]) => [errno, name]),
)

/** `EEXIST` for 17; the number itself where Node has no name for it. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`
}

/** Passes a result on, or throws where it is a negated errno. */
export function checked(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: ${errnoName(-result)}`)
  return result
}

/** Returns pages to the machine that `free` keeps for the next `malloc`; where the library has no such function, it does nothing. */
export const mallocTrim: () => void = (() => {
  try {
    const trim = libc.func('int malloc_trim(size_t)') as (pad: number) => number
    return () => void trim(0)
  } catch {
    return () => {} // musl keeps little
  }
})()
