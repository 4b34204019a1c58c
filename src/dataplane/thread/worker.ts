import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { pino } from 'pino'
import { giveBackMemory } from '../../linux/memory.ts'
import { LinuxDriver } from '../linux/driver.ts'
import { Reconciler } from '../reconciler.ts'
import { Sleeper } from './bell.ts'
import { Host } from './host.ts'
import { Loop } from './loop.ts'
import type { Order, Report, ThreadData } from './messages.ts'

/** What a forwarding thread runs. */
const port = parentPort!
const { bell, options } = workerData as ThreadData
const report = (one: Report) => port.postMessage(one)
const log = pino(
  { level: options.logLevel, base: null, timestamp: false, serializers: { error: pino.stdSerializers.err } },
  { write: (line: string) => report({ tell: 'log', line }) },
)
const failed = (error: unknown) => log.error({ error }, 'the forwarding loop failed; it goes on')
process.on('uncaughtException', failed)

const loop = new Loop()
const { programs, managesRules, resyncMs } = options
const driver = new LinuxDriver({ clock: loop, programs, managesRules, isPolled: true })
const reconciler = new Reconciler({ clock: loop, driver, log, resyncMs })
const host = new Host({ reconciler, driver, report, ended: () => loop.end() })
const waiting: Order[] = []
const receive = (): boolean => {
  const received = receiveMessageOnPort(port)
  if (received !== undefined) waiting.push(received.message)
  return waiting.length > 0
}
let sleeper: Sleeper | null = null

giveBackMemory(loop)

loop.run({
  takeMessage() {
    if (!receive()) return false
    host.take(waiting.shift()!)
    return true
  },
  poll: () => driver.poll(),
  sleep(ms, listens) {
    // before it watches, it has no descriptors
    sleeper ??= driver.descriptors.length > 0 ? new Sleeper(bell, driver.descriptors) : null
    return (sleeper ?? new Sleeper(bell, [])).sleep(ms, listens, receive)
  },
  failed,
})
