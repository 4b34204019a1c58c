import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** Not a file, such as a FIFO, a device or a directory. */
export class NoRegularFile extends Error {}

/** Something that may be named where a file belongs, and is read as an empty one. */
const NOTHING = '/dev/null'

/** The content of a regular file. A FIFO or a terminal would stop the process until another program writes into it, and some devices have no end. */
export function readRegularFile(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (path !== NOTHING && !fstatSync(fd).isFile()) throw new NoRegularFile(`${path} is no regular file`)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}
