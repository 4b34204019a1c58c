import type { Daemon } from '../daemon.ts'
import { errorOf } from '../events/event.ts'
import type { Logs } from '../log.ts'
import { ServiceManager, sendDatagram } from '../service-manager.ts'

/** How long the last lines of the log may take. */
const FLUSH_MS = 1000
/** By default they end the process, which none of them asks for; Node has a debugger for SIGUSR1. SIGQUIT and SIGABRT leave a core. */
const IGNORED = [
  ...['SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGVTALRM', 'SIGPROF'],
  ...['SIGIO', 'SIGPWR', 'SIGSTKFLT', 'SIGXCPU', 'SIGXFSZ'],
]

/**
 * Starts something and keeps it running until SIGTERM or SIGINT; a second signal does not wait for a clean end. SIGHUP reopens the
 * log file and reloads the configuration. An unexpected exception ends the process: its supervisor restarts it, and forwarding continues meanwhile.
 */
export async function untilSignal(logs: Logs, start: () => Promise<Daemon>): Promise<void> {
  const { log, events, output } = logs
  let hangUp = inTurn(() => reopen(logs))
  const onSignal = { SIGHUP: () => hangUp(), ...ignoring(logs) }
  for (const [signal, listener] of Object.entries(onSignal)) process.on(signal, listener)
  process.on('uncaughtException', (error, origin) => {
    log.fatal(
      { part: 'daemon', err: error, origin },
      'internal error: the process ends, forwarding goes on; start it again, and report the stack',
    )
    process.exit(1)
  })
  const manager = new ServiceManager({
    environment: process.env,
    pid: process.pid,
    send: sendDatagram,
    failed: (reason) => events.emit({ type: 'service-manager-failed', reason }),
  })
  const running = await start().catch(async (error) => {
    await output.flush(FLUSH_MS)
    events.emit({ type: 'start-failed', error: errorOf(error) })
    throw error
  })
  hangUp = inTurn(() => reload(logs, running, manager))
  manager.ready(running)
  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    manager.stopping()
    events.emit({ type: 'stopping', signal })
    await running.close()
    events.emit({ type: 'stopped' })
    await output.flush(FLUSH_MS)
    process.exit(0)
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}

function ignoring({ events }: Logs): Record<string, () => void> {
  return Object.fromEntries(
    IGNORED.map((signal) => [signal, () => events.emit({ type: 'signal-ignored', signal })]),
  )
}

/** Calls `task` one at a time; calls during one lead to one more, after it. */
function inTurn(task: () => Promise<void>): () => Promise<void> {
  let isRunning = false
  let isDue = false
  return async () => {
    isDue = true
    if (isRunning) return
    isRunning = true
    try {
      while (isDue) {
        isDue = false
        await task()
      }
    } finally {
      isRunning = false
    }
  }
}

async function reload(logs: Logs, daemon: Daemon, manager: ServiceManager): Promise<void> {
  manager.reloading()
  await reopen(logs)
  await daemon.reload?.()
  manager.reloaded()
}

async function reopen({ events, output }: Logs): Promise<void> {
  const { file } = output
  events.emit({ type: 'reload-signalled' })
  if (file === null) return
  try {
    await output.reopen()
    events.emit({ type: 'log-reopened', file })
  } catch (error) {
    events.emit({ type: 'log-not-reopened', file, reason: errorOf(error).message })
  }
}
