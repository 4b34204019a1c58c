import { execFileSync } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../src/clock.ts'
import { NO_FORMER_WORK } from '../src/dataplane/driver.ts'
import type { Entry } from '../src/dataplane/model.ts'
import { ForwardingThread } from '../src/dataplane/thread/thread.ts'
import * as libc from '../src/linux/libc.ts'
import { noEvents } from '../test/support/events.ts'
import {
  closeSession,
  kernelLimit,
  neighbour,
  network,
  openSession,
  remoteMac,
  type Session,
} from './pairs.ts'

/**
 * Remote MACs with their neighbours into the kernel: what this process can do at best, with messages that were encoded
 * before, against `want` and `settled`. Needs root; everything happens in a network namespace of its own.
 */

const CLONE_NEWNET = 0x40000000
const ROUNDS = 5

/** Seconds from the first `want` until everything is settled. */
async function chanter(count: number): Promise<number> {
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) entries.push(remoteMac(i), neighbour(i))
  const session = await openSession()
  const start = performance.now()
  for (const entry of entries) session.reconciler.want(entry)
  await session.reconciler.settled(entries.slice(-2))
  const seconds = (performance.now() - start) / 1000
  check(session, count)
  closeSession(session)
  return seconds
}

/** A forwarding loop in a thread of its own, which goes on from round to round as the loop in this thread does. */
function openThread(): ForwardingThread {
  const died = (reason: string) => {
    throw new Error(reason)
  }
  const options = { former: NO_FORMER_WORK, managesRules: false, resyncMs: 0, logLevel: 'warn' }
  const thread = new ForwardingThread({ clock: systemClock, events: noEvents, died, options })
  thread.start()
  return thread
}

/** As `chanter`, in the thread. */
async function threaded(thread: ForwardingThread, count: number): Promise<number> {
  for (const entry of network) thread.want(entry)
  await thread.settled(network)
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) entries.push(remoteMac(i), neighbour(i))
  const start = performance.now()
  for (const entry of entries) thread.want(entry)
  await thread.settled(entries.slice(-2))
  const seconds = (performance.now() - start) / 1000
  const { programmed, wanted } = await thread.counts()
  if (programmed !== wanted || wanted !== network.length + 2 * count)
    throw new Error(`${programmed} of ${wanted} programmed`)
  for (const entry of [...entries, ...network]) thread.unwant(entry)
  await thread.gone(network)
  return seconds
}

/** What stays in memory for each pair, the addresses of the entries included. */
async function bytesPerPair(count: number): Promise<number> {
  const session = await openSession()
  const before = memoryUsed()
  for (let i = 0; i < count; i++) {
    session.reconciler.want(remoteMac(i))
    session.reconciler.want(neighbour(i))
  }
  await session.reconciler.settled([remoteMac(count - 1), neighbour(count - 1)])
  const bytes = (memoryUsed() - before) / count
  check(session, count)
  closeSession(session)
  return bytes
}

/** Milliseconds that a timer is late at most, while so many pairs are programmed. */
async function longestTurn(count: number): Promise<number> {
  const session = await openSession()
  for (let i = 0; i < count; i++) {
    session.reconciler.want(remoteMac(i))
    session.reconciler.want(neighbour(i))
  }
  let longest = 0
  let previous = performance.now()
  let running = true
  const tick = () => {
    const now = performance.now()
    longest = Math.max(longest, now - previous)
    previous = now
    if (running) setImmediate(tick)
  }
  tick()
  await session.reconciler.settled([remoteMac(count - 1), neighbour(count - 1)])
  running = false
  closeSession(session)
  return longest
}

/** Milliseconds of one attachment: a port, its MAC, a remote MAC and a neighbour, in a network that is there. */
async function attachment(count: number): Promise<number> {
  const session = await openSession()
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const device = `tap${i}`
    execFileSync('ip', ['tuntap', 'add', device, 'mode', 'tap'])
    session.driver.poll()
    const entries: Entry[] = [
      { kind: 'port', device, bridge: 'br0', external: false, learning: false, neighSuppress: false },
      { kind: 'local-mac', device, mac: 0x02_00_00_00_00_00 + i },
    ]
    const start = performance.now()
    for (const entry of entries) session.reconciler.want(entry)
    const open = await session.reconciler.settled(entries)
    times.push(performance.now() - start)
    if (open.length > 0) throw new Error(JSON.stringify(open))
  }
  closeSession(session)
  for (let i = 0; i < count; i++) execFileSync('ip', ['link', 'del', `tap${i}`])
  return median(times)
}

function enterNewNamespace(): void {
  libc.checked(libc.unshare(CLONE_NEWNET), 'unshare')
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
}

function check({ reconciler }: Session, count: number): void {
  const { programmed, wanted } = reconciler.statuses.counts()
  if (programmed !== wanted || wanted !== network.length + 2 * count)
    throw new Error(`${programmed} of ${wanted} programmed`)
}

function memoryUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

enterNewNamespace()
const thread = openThread()
enterNewNamespace() // the thread stays where it is, and gets no notification of what is done here
for (const count of [10_000, 100_000]) {
  print(`${count} pairs: ${Math.round(await bytesPerPair(count))} bytes a pair`)
  const limits: number[] = []
  const ours: number[] = []
  const apart: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    limits.push((await kernelLimit(count)).set)
    ours.push(await chanter(count))
    apart.push(await threaded(thread, count))
  }
  const rate = (seconds: number) => `${seconds.toFixed(3)} s (${Math.round(count / seconds)}/s)`
  const [limit, best] = [Math.min(...limits), Math.min(...ours)]
  print(
    `${count} pairs, best of ${ROUNDS}: kernel ${rate(limit)}, chanter ${rate(best)}, ratio ${(best / limit).toFixed(2)}`,
  )
  print(`${count} pairs, medians: ratio ${(median(ours) / median(limits)).toFixed(2)}`)
  print(
    `${count} pairs, in the forwarding thread: best ${rate(Math.min(...apart))}, ${(Math.min(...apart) / best).toFixed(2)} of without, medians ${(median(apart) / median(ours)).toFixed(2)}`,
  )
  print(`${count} pairs: longest turn ${(await longestTurn(count)).toFixed(1)} ms`)
}
print(`attachment: median ${(await attachment(100)).toFixed(2)} ms`)
await thread.stop()
