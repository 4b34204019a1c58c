import { execFileSync } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { systemClock } from '../src/clock.ts'
import { LinuxDriver } from '../src/dataplane/linux/driver.ts'
import { setEntry } from '../src/dataplane/linux/encode.ts'
import { messages } from '../src/dataplane/linux/message.ts'
import { Requests } from '../src/dataplane/linux/requests.ts'
import { NetlinkSocket } from '../src/dataplane/linux/socket.ts'
import type { Entry, Neighbour, RemoteMac } from '../src/dataplane/model.ts'
import { Reconciler } from '../src/dataplane/reconciler.ts'
import * as libc from '../src/linux/libc.ts'
import { type Ip, ipv4FromNumber } from '../src/values/address.ts'

/**
 * Remote MACs with their neighbours into the kernel: what this process can do at best, with messages that were encoded
 * before, against `want` and `settled`. Needs root; everything happens in a network namespace of its own.
 */

const CLONE_NEWNET = 0x40000000
const BATCH = 64
const ROUNDS = 5
const VNI = 100
const VTEPS: readonly Ip[] = Array.from({ length: 64 }, (_, i) => ipv4FromNumber(0xc0000202 + i))

const network: Entry[] = [
  { kind: 'bridge', device: 'br0', given: false, alias: 'chanter:bench' },
  {
    kind: 'vxlan',
    device: 'vx0',
    alias: 'chanter:bench',
    vni: VNI,
    local: ipv4FromNumber(0x7f000001),
    port: 4789,
    mtu: null,
    underlay: null,
  },
  { kind: 'port', device: 'vx0', bridge: 'br0', given: false, learning: false, neighSuppress: true },
]

function remoteMac(i: number): RemoteMac {
  const dst = VTEPS[i % VTEPS.length] ?? ipv4FromNumber(0)
  return { kind: 'remote-mac', device: 'vx0', mac: 0x02_00_00_00_00_00 + i, dst, vni: VNI }
}

function neighbour(i: number): Neighbour {
  return {
    kind: 'neighbour',
    device: 'br0',
    ip: ipv4FromNumber(0x0a000000 + i),
    mac: 0x02_00_00_00_00_00 + i,
    router: false,
  }
}

interface Session {
  readonly driver: LinuxDriver
  readonly reconciler: Reconciler
}

async function openSession(): Promise<Session> {
  const driver = new LinuxDriver({ clock: systemClock })
  const reconciler = new Reconciler({ clock: systemClock, driver, log: pino({ level: 'silent' }) })
  reconciler.start()
  for (const entry of network) reconciler.want(entry)
  const open = await reconciler.settled(network)
  if (open.length > 0) throw new Error(`not in place: ${JSON.stringify(open)}`)
  return { driver, reconciler }
}

function closeSession({ driver, reconciler }: Session): void {
  reconciler.stop()
  driver.close()
  for (const link of ['vx0', 'br0']) execFileSync('ip', ['link', 'del', link])
}

/** Seconds that the kernel takes for messages that are ready, with nobody listening. */
async function kernelLimit(count: number): Promise<number> {
  const session = await openSession()
  const targets = { vx0: session.driver.link('vx0'), br0: session.driver.link('br0') }
  session.reconciler.stop()
  session.driver.close()
  const batches = [...encoded(count, targets)]
  const socket = new NetlinkSocket()
  const start = performance.now()
  for (const bytes of batches) {
    if (socket.send({ bytes, length: bytes.length }) < 0) throw new Error('send failed')
    const received = socket.receive()
    if (typeof received === 'string') throw new Error(received)
    for (const answer of messages(socket.bytes, received)) {
      if (answer.bytes.readInt32LE(answer.start) !== 0) throw new Error('refused')
    }
  }
  const seconds = (performance.now() - start) / 1000
  socket.close()
  for (const link of ['vx0', 'br0']) execFileSync('ip', ['link', 'del', link])
  return seconds
}

function* encoded(
  count: number,
  targets: Record<'vx0' | 'br0', { index: number; vni: number | null } | undefined>,
) {
  const requests = new Requests()
  const { vx0, br0 } = targets
  if (vx0 === undefined || br0 === undefined) throw new Error('no devices')
  const take = () => {
    requests.writer.acknowledge()
    const bytes = Buffer.from(requests.writer.bytes.subarray(0, requests.writer.length))
    requests.writer.clear()
    return bytes
  }
  for (const [entryOf, target] of [[remoteMac, vx0] as const, [neighbour, br0] as const]) {
    for (let i = 0; i < count; i++) {
      setEntry(requests, entryOf(i), target)
      if (requests.writer.count === BATCH) yield take()
    }
    if (requests.writer.count > 0) yield take()
  }
  requests.close()
}

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

/** Milliseconds that a timer is late at most, while so many pairs are put in place. */
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
      { kind: 'port', device, bridge: 'br0', given: false, learning: false, neighSuppress: false },
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

function check({ reconciler }: Session, count: number): void {
  const { applied, wanted } = reconciler.counts()
  if (applied !== wanted || wanted !== network.length + 2 * count)
    throw new Error(`${applied} of ${wanted} in place`)
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

libc.checked(libc.unshare(CLONE_NEWNET), 'unshare')
execFileSync('ip', ['link', 'set', 'lo', 'up'])
for (const count of [10_000, 100_000]) {
  print(`${count} pairs: ${Math.round(await bytesPerPair(count))} bytes a pair`)
  const limits: number[] = []
  const ours: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    limits.push(await kernelLimit(count))
    ours.push(await chanter(count))
  }
  const rate = (seconds: number) => `${seconds.toFixed(3)} s (${Math.round(count / seconds)}/s)`
  const [limit, best] = [Math.min(...limits), Math.min(...ours)]
  print(
    `${count} pairs, best of ${ROUNDS}: kernel ${rate(limit)}, chanter ${rate(best)}, ratio ${(best / limit).toFixed(2)}`,
  )
  print(`${count} pairs, medians: ratio ${(median(ours) / median(limits)).toFixed(2)}`)
  print(`${count} pairs: longest turn ${(await longestTurn(count)).toFixed(1)} ms`)
}
print(`attachment: median ${(await attachment(100)).toFixed(2)} ms`)
