import { parentPort, workerData } from 'node:worker_threads'
import { pino } from 'pino'
import { systemClock } from '../../clock.ts'
import { LinuxDriver } from '../linux/driver.ts'
import { Reconciler } from '../reconciler.ts'
import { Host } from './host.ts'
import type { Order, Report, ThreadOptions } from './messages.ts'

/** What a forwarding thread runs. */
const port = parentPort!
const { programs, managesRules, resyncMs, logLevel } = workerData as ThreadOptions
const report = (one: Report) => port.postMessage(one)
const log = pino(
  { level: logLevel, base: null, timestamp: false, serializers: { error: pino.stdSerializers.err } },
  { write: (line: string) => report({ tell: 'log', line }) },
)
const driver = new LinuxDriver({ clock: systemClock, programs, managesRules })
const reconciler = new Reconciler({ clock: systemClock, driver, log, resyncMs })
const host = new Host({ reconciler, driver, report })
process.on('uncaughtException', (error) => log.error({ error }, 'the forwarding loop failed; it goes on'))
port.on('message', (order: Order) => host.take(order))
