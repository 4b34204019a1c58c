import {
  close,
  constants,
  fstat,
  fstatSync,
  open,
  openSync,
  type Stats,
  stat,
  write,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { type RotationOptions, rotationDue, shiftFiles } from './rotation.ts'
import type { Sink } from './sink.ts'

const TO_APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
/** The shortest time between two checks of the path, and between two attempts to rotate. */
const CHECK_MS = 1000

/**
 * Appends to a file, and rotates it. It is opened anew when another program has moved or removed it. When either fails, the present file stays in
 * use.
 */
export class FileSink implements Sink {
  private readonly path: string
  private readonly rotation: RotationOptions
  private fd: number
  private stats: Stats
  private octets: number
  /** When it is rotated by time, in epoch milliseconds. */
  private due = Number.POSITIVE_INFINITY
  /** Of the path, in epoch milliseconds. */
  private lastCheck = Number.NEGATIVE_INFINITY
  /** To rotate, if that failed. */
  private lastAttempt = Number.NEGATIVE_INFINITY
  /** Why the path has another file than ours, or none; null where it has ours. */
  private misplaced: string | null = null

  /** Throws when the file cannot be opened. */
  static openSync(path: string, rotation: RotationOptions): FileSink {
    const fd = openSync(path, TO_APPEND)
    return new FileSink(path, rotation, fd, fstatSync(fd))
  }

  /** Rejects when the file cannot be opened. */
  static async open(path: string, rotation: RotationOptions): Promise<FileSink> {
    const fd = await promisify(open)(path, TO_APPEND)
    return new FileSink(path, rotation, fd, await promisify(fstat)(fd))
  }

  private constructor(path: string, rotation: RotationOptions, fd: number, stats: Stats) {
    this.path = path
    // a device such as /dev/null keeps its name
    this.rotation = stats.isFile() ? rotation : { by: 'none' }
    this.fd = fd
    this.stats = stats
    this.octets = stats.size
    if (rotation.by === 'interval')
      this.due = rotationDue(rotation, stats.size > 0 ? stats.mtimeMs : Date.now())
  }

  async write(bytes: Buffer): Promise<number> {
    const { bytesWritten } = await promisify(write)(this.fd, bytes)
    this.octets += bytesWritten
    return bytesWritten
  }

  writeSync(bytes: Buffer): void {
    writeSync(this.fd, bytes)
  }

  close(): void {
    close(this.fd, () => {})
  }

  async prepare(octets: number): Promise<string | null> {
    await this.renew(octets)
    return this.misplaced
  }

  /** Rotates the file, or opens it anew, where that is due; if that fails, what is written goes on into the present file. */
  private async renew(octets: number): Promise<void> {
    const now = Date.now()
    if (!isRecent(this.lastCheck, now)) {
      this.lastCheck = now
      this.misplaced = await this.follow().then(
        () => null,
        (error: Error) => error.message,
      )
    }
    if (this.isDue(octets, now) && !isRecent(this.lastAttempt, now)) {
      this.lastAttempt = now
      await this.rotate().catch(() => {})
    }
  }

  /** Opens the path anew where another program has moved or removed the file. */
  private async follow(): Promise<void> {
    if (await this.isMoved()) await this.reopen()
  }

  private async rotate(): Promise<void> {
    if (this.rotation.by === 'none') return
    await shiftFiles(this.path, this.rotation.files)
    await this.reopen()
    this.lastAttempt = Number.NEGATIVE_INFINITY
  }

  private isDue(octets: number, now: number): boolean {
    if (this.rotation.by !== 'size') return now >= this.due
    return this.octets > 0 && this.octets + octets > this.rotation.maxOctets
  }

  private async isMoved(): Promise<boolean> {
    try {
      const { dev, ino } = await promisify(stat)(this.path)
      return dev !== this.stats.dev || ino !== this.stats.ino
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT'
    }
  }

  private async reopen(): Promise<void> {
    const fresh = await FileSink.open(this.path, this.rotation)
    this.close()
    this.fd = fresh.fd
    this.stats = fresh.stats
    this.octets = fresh.octets
    this.due = fresh.due
  }
}

/** Whether so little time has passed that it is too early for the next time; the time of day may have been set back. */
function isRecent(last: number, now: number): boolean {
  return Math.abs(now - last) < CHECK_MS
}
