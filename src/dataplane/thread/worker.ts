import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { pino } from 'pino'
import { PersistentClock } from '../../clock.ts'
import { giveBackMemory } from '../../linux/memory.ts'
import { LOOP_FAILED, Reconciler } from '../engine/reconciler.ts'
import { LinuxDriver } from '../linux/driver.ts'
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
const loop = new Loop()
const clock = new PersistentClock(loop, (error) => log.error({ error }, LOOP_FAILED))
const { programs, managesRules, resyncMs } = options
const driver = new LinuxDriver({ clock, programs, managesRules, isPolled: true })
const reconciler = new Reconciler({ clock, driver, log, resyncMs })
const host = new Host({ clock, reconciler, driver, report, ended: () => loop.end() })
const poll = () => driver.poll()
const waiting: Order[] = []
const receive = (): boolean => {
  const received = receiveMessageOnPort(port)
  if (received !== undefined) waiting.push(received.message)
  return waiting.length > 0
}
let sleeper: Sleeper | null = null

// an error before this ends the thread, and the daemon says why it cannot start
process.on('uncaughtException', (error) => clock.note(error))
giveBackMemory(loop)

loop.run({
  takeMessage() {
    if (!receive()) return false
    const order = waiting.shift()!
    clock.attempt(() => host.take(order))
    return true
  },
  poll: () => clock.attempt(poll),
  sleep(ms, listens) {
    // before it watches, it has no descriptors
    sleeper ??= driver.descriptors.length > 0 ? new Sleeper(bell, driver.descriptors) : null
    return (sleeper ?? new Sleeper(bell, [])).sleep(ms, listens, receive)
  },
})
