import type { Sink } from './sink.ts'

/** Octets of lines that wait to be written; lines beyond are dropped. */
const MAX_QUEUED_OCTETS = 1 << 20
/** Octets handed to the system at once. */
const CHUNK_OCTETS = 1 << 16
/** Delay before the next attempt: after a failed write, and after a slow reader. */
const RETRY_MS = 1000
const BUSY_MS = 20

export interface LogHealth {
  /** The file; null for standard output. */
  readonly path: string | null
  /** Lines that could not be written since the start. */
  readonly dropped: number
  /** Why nothing can be written, and since when in epoch milliseconds; null when all is well. */
  readonly failure: { readonly reason: string; readonly since: number } | null
}

export interface LogOutputOptions {
  /** What `health` names. */
  readonly path: string | null
  /** Octets of lines that wait to be written; lines beyond are dropped. */
  readonly maxQueuedOctets?: number
}

/**
 * A destination for pino that neither blocks nor fails: lines wait in a bounded queue, one write is under way at a time, and
 * failed writes are retried. Lines for which there is no room are dropped and counted.
 */
export class LogOutput {
  private readonly path: string | null
  private readonly maxQueuedOctets: number
  private sink: Sink
  private replacement: Sink | null = null
  private isClosing = false
  private lines: string[] = []
  private chunk = Buffer.alloc(0)
  private written = 0
  /** Octets of the lines and of the chunk. */
  private queued = 0
  private isWriting = false
  /** The system has the chunk. */
  private isHandedOver = false
  private isFull = false
  private dropped = 0
  private reported = 0
  private failure: LogHealth['failure'] = null
  private readonly idle: (() => void)[] = []

  constructor(sink: Sink, { path, maxQueuedOctets = MAX_QUEUED_OCTETS }: LogOutputOptions) {
    this.path = path
    this.maxQueuedOctets = maxQueuedOctets
    this.sink = sink
  }

  /** Takes one line of the log. */
  write(line: string): void {
    const octets = Buffer.byteLength(line)
    if (this.isFull || this.queued + octets > this.maxQueuedOctets) {
      this.isFull = true
      this.dropped++
      this.fail('log output does not take what is written: a reader that stalls, or a disk')
      return
    }
    this.add(line, octets)
    if (this.isWriting) return
    this.isWriting = true
    queueMicrotask(() => void this.pump()) // together with other lines of this turn
  }

  health(): LogHealth {
    const { path, dropped, failure } = this
    return { path, dropped, failure }
  }

  /** Goes on with another sink, after the write that is under way. */
  replace(sink: Sink): void {
    if (sink === this.sink) return
    this.replacement?.close()
    this.replacement = sink
    if (!this.isWriting) this.takeReplacement()
  }

  /** Ends when the queue is written; lines that come later are dropped. */
  close(): void {
    this.isClosing = true
    if (!this.isWriting) this.sink.close()
  }

  /** Resolves when all is written, after `ms` at the latest. */
  async flush(ms: number): Promise<void> {
    if (!this.isWriting) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    this.idle.push(resolve)
    await promise
    clearTimeout(timer)
  }

  /** Writes the queue, as far as possible at once: the process is about to end. */
  flushSync(): void {
    const lines = Buffer.from(this.lines.splice(0).join(''))
    const chunk = this.isHandedOver ? Buffer.alloc(0) : this.chunk.subarray(this.written)
    this.queued -= lines.length
    if (!this.isHandedOver) this.takeChunk()
    const rest = Buffer.concat([chunk, lines])
    try {
      this.sink.writeSync(rest)
    } catch {
      // an error could not be reported any more
    }
  }

  private add(line: string, octets: number): void {
    this.lines.push(line)
    this.queued += octets
  }

  private async pump(): Promise<void> {
    while (this.queued > 0) {
      if (this.chunk.length === 0) this.chunk = this.nextChunk()
      await this.step()
      this.takeReplacement()
      if (this.isFull && this.queued < this.maxQueuedOctets / 2) this.resume()
    }
    this.isWriting = false
    if (this.isClosing) this.sink.close()
    for (const resolve of this.idle.splice(0)) resolve()
  }

  private async step(): Promise<void> {
    try {
      const misplaced = (await this.sink.prepare?.(this.chunk.length)) ?? null
      if (this.chunk.length === 0) return // it was flushed meanwhile
      this.isHandedOver = true
      this.written += await this.sink.write(this.chunk.subarray(this.written))
      if (misplaced !== null) this.fail(misplaced)
      else if (!this.isFull) this.failure = null
      if (this.written < this.chunk.length) return
      this.takeChunk()
    } catch (error) {
      this.isHandedOver = false
      const { code, message } = error as NodeJS.ErrnoException
      const isBusy = code === 'EAGAIN'
      if (!isBusy) this.fail(message)
      await new Promise((resolve) => setTimeout(resolve, isBusy ? BUSY_MS : RETRY_MS).unref())
    } finally {
      this.isHandedOver = false
    }
  }

  private takeChunk(): void {
    this.queued -= this.chunk.length
    this.chunk = Buffer.alloc(0)
    this.written = 0
  }

  private nextChunk(): Buffer<ArrayBuffer> {
    let octets = 0
    let count = 0
    const most = this.sink.takesLines === true ? 1 : CHUNK_OCTETS
    while (octets < most && count < this.lines.length) octets += Buffer.byteLength(this.lines[count++] ?? '')
    return Buffer.from(this.lines.splice(0, count).join(''))
  }

  private takeReplacement(): void {
    if (this.replacement === null) return
    this.sink.close()
    this.sink = this.replacement
    this.replacement = null
    this.written = 0
  }

  /** There is room again: reports the dropped lines. */
  private resume(): void {
    this.isFull = false
    this.failure = null
    const dropped = this.dropped - this.reported
    this.reported = this.dropped
    const time = new Date().toISOString()
    const line = `${JSON.stringify({ level: 'warn', time, part: 'log', dropped, msg: 'log lines dropped' })}\n`
    this.add(line, Buffer.byteLength(line))
  }

  private fail(reason: string): void {
    this.failure ??= { reason, since: Date.now() }
  }
}
