import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { PersistentClock } from '../../clock.ts'
import { type DaemonEvent, errorOf } from '../../events/event.ts'
import { giveBackMemory } from '../../linux/memory.ts'
import { Reconciler } from '../engine/reconciler.ts'
import { LinuxDriver } from '../linux/driver.ts'
import { Sleeper } from './bell.ts'
import { ThreadHost } from './host.ts'
import { Loop } from './loop.ts'
import type { Order, Report, ThreadData } from './messages.ts'

/** The body of a forwarding thread. */
const port = parentPort!
const { bell, options } = workerData as ThreadData
const report = (one: Report) => port.postMessage(one)
const loop = new Loop()
let unsent: DaemonEvent[] = []
const sendEvents = () => {
  if (unsent.length > 0) report({ type: 'events', events: unsent })
  unsent = []
}
const events = {
  /** The messages of one turn are sent together. */
  emit(event: DaemonEvent) {
    if (unsent.push(event) === 1) loop.soon(sendEvents)
  },
}
const clock = new PersistentClock(loop, (error) =>
  events.emit({ type: 'loop-failed', error: errorOf(error) }),
)
const { former, managesRules, resyncMs } = options
const driver = new LinuxDriver({ clock, former, managesRules, isPolled: true })
const reconciler = new Reconciler({ clock, driver, events, resyncMs })
const ended = () => {
  sendEvents()
  loop.end()
}
const host = new ThreadHost({ clock, reconciler, driver, report, ended })
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
    sleeper ??=
      driver.descriptors.length > 0 ? new Sleeper(bell, driver.answerDescriptors, driver.descriptors) : null
    return (sleeper ?? new Sleeper(bell, driver.answerDescriptors, [])).sleep(ms, listens, receive)
  },
})
