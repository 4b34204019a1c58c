import { rmSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import * as libc from '../../src/linux/libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 0o2004002
const LONGEST = 1 << 18

export interface DatagramReceiver {
  /** What has arrived since the last call. */
  take(): string[]
  close(): void
}

/** A Unix datagram socket until the test is over, as /dev/log is one; a path with `@` is an abstract name. */
export function receiveDatagrams(path: string): DatagramReceiver {
  const isAbstract = path.startsWith('@')
  if (!isAbstract) rmSync(path, { force: true })
  const fd = libc.checked(libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0), 'socket')
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`)
  const address = Buffer.concat([new Uint8Array(Uint16Array.of(AF_UNIX).buffer), name])
  libc.checked(libc.bind(fd, address, address.length), `bind ${path}`)
  let isOpen = true
  const close = () => {
    if (isOpen) libc.close(fd)
    isOpen = false
  }
  onTestFinished(close)
  return {
    close,
    take() {
      const room = Buffer.alloc(LONGEST)
      const taken: string[] = []
      for (;;) {
        const octets = libc.recv(fd, room, room.length, 0)
        if (octets < 0) return taken
        taken.push(room.toString('utf8', 0, octets))
      }
    },
  }
}
