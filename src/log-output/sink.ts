import { close, constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { promisify } from 'node:util'

/** Accepts octets without ever blocking the caller. */
export interface Sink {
  /** Each line is written on its own, and accepted as a whole. */
  readonly takesLines?: true
  /** Called before a write of so many octets; resolves to why they do not get where they should, null where they do. */
  prepare?(octets: number): Promise<string | null>
  /** Resolves to how many octets were accepted. */
  write(bytes: Buffer): Promise<number>
  writeSync(bytes: Buffer): void
  close(): void
}

export function descriptorSink(fd: number): Sink {
  return {
    write: async (bytes) => (await promisify(write)(fd, bytes)).bytesWritten,
    writeSync: (bytes) => void writeSync(fd, bytes),
    close: () => close(fd, () => {}),
  }
}

/** A pipe or socket is written to as Node writes to sockets, a terminal through a file description of our own: neither blocks. */
export function standardSink({ fd }: { readonly fd: number }): Sink {
  const found = fstatSync(fd)
  if (found.isFIFO() || found.isSocket()) return streamSink(fd)
  if (!found.isCharacterDevice()) return descriptorSink(fd)
  try {
    const flags = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK
    return descriptorSink(openSync(`/proc/self/fd/${fd}`, flags))
  } catch {
    return descriptorSink(fd)
  }
}

function streamSink(fd: number): Sink {
  const socket = new Socket({ fd, readable: false, writable: true })
  socket.on('error', () => {}) // the failed write reports it
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve(bytes.length)))
      }),
    writeSync: (bytes) => void writeSync(fd, bytes),
    close: () => socket.destroy(),
  }
}
