import type { Logger } from '../log.ts'

/** Starts something and keeps it running until SIGTERM or SIGINT; a second signal does not wait for a clean end. */
export async function untilSignal(
  log: Logger,
  start: () => Promise<{ stop(): Promise<void> }>,
): Promise<void> {
  const running = await start().catch((error) => {
    log.fatal({ err: error }, 'cannot start')
    throw error
  })
  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping')
    await running.stop()
    log.info('stopped')
    process.exit(0)
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}
