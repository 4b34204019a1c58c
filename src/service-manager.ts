import { UnixDatagram } from './linux/datagram.ts'

export interface ServiceManagerDependencies {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly pid: number
  /** Sends one message to the socket at `path`; throws an error with a `code`. */
  readonly send: (path: string, message: string) => void
  /** Called once, when the manager cannot be notified. */
  readonly failed: (reason: string) => void
}

/** What is running, as far as its service manager asks. */
export interface Service {
  /** Resolves while all loops of the process work. */
  alive(): Promise<unknown>
  /** Its state in a few words. */
  status(): string
}

const RETRY_MS = 50
const STATUS_MS = 5000
/** Keep-alives within the period of the watchdog: one may be lost. */
const KEEP_ALIVES = 3

/** systemd, or another manager that takes the messages of sd_notify(3); without one, all of this does nothing. */
export class ServiceManager {
  private readonly path: string | undefined
  private readonly watchdogMs: number
  private readonly dependencies: ServiceManagerDependencies
  /** Messages that wait for room in the socket. */
  private readonly waiting: string[] = []
  private readonly timers = new Set<NodeJS.Timeout>()
  private hasFailed = false
  private status: string | null = null

  constructor(dependencies: ServiceManagerDependencies) {
    this.dependencies = dependencies
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC: period, WATCHDOG_PID: pid } = dependencies.environment
    this.path = path
    const isWatched = pid === undefined || pid === String(dependencies.pid)
    this.watchdogMs = isWatched ? Number(period ?? 0) / 1000 : 0
  }

  /** The service works: it keeps the watchdog calm, and its status up to date, until `stopping`. */
  ready(service: Service): void {
    if (this.path === undefined) return
    this.status = service.status()
    this.notify('READY=1', `STATUS=${this.status}`)
    this.every(STATUS_MS, () => this.notifyStatus(service))
    if (this.watchdogMs > 0) this.watch(service)
  }

  /** It reads its configuration again; `reloaded` follows. */
  reloading(): void {
    // of the clock that CLOCK_MONOTONIC is
    this.notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  reloaded(): void {
    this.notify('READY=1')
  }

  stopping(): void {
    for (const timer of this.timers) clearInterval(timer)
    this.timers.clear()
    this.notify('STOPPING=1', 'STATUS=stopping')
  }

  private watch({ alive }: Service): void {
    let isAsking = false
    const keepAlive = async () => {
      if (isAsking) return // a loop has not answered yet
      isAsking = true
      const isAlive = await alive().then(
        () => true,
        () => false,
      )
      isAsking = false
      if (isAlive) this.notify('WATCHDOG=1')
    }
    this.every(this.watchdogMs / KEEP_ALIVES, () => void keepAlive())
  }

  private notifyStatus(service: Service): void {
    const status = service.status()
    if (status === this.status) return
    this.status = status
    this.notify(`STATUS=${status}`)
  }

  private every(ms: number, act: () => void): void {
    this.timers.add(setInterval(act, ms).unref())
  }

  private notify(...lines: readonly string[]): void {
    if (this.path === undefined) return
    this.waiting.push(lines.join('\n'))
    if (this.waiting.length === 1) this.flush(this.path)
  }

  private flush(path: string): void {
    try {
      for (let message = this.waiting[0]; message !== undefined; message = this.waiting[0]) {
        this.dependencies.send(path, message)
        this.waiting.shift()
      }
    } catch (error) {
      if ((error as { code?: unknown }).code === 'EAGAIN')
        return void setTimeout(() => this.flush(path), RETRY_MS)
      this.waiting.length = 0
      if (!this.hasFailed) this.dependencies.failed((error as Error).message)
      this.hasFailed = true
    }
  }
}

/** Sends a datagram through a socket of its own: the manager may have made its socket anew. */
export function sendDatagram(path: string, message: string): void {
  const socket = new UnixDatagram(path)
  try {
    socket.send(Buffer.from(message))
  } finally {
    socket.close()
  }
}
