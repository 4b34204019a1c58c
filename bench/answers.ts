import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Server } from '../src/client.ts'
import { startChanter } from '../src/lab/chanter.ts'
import { Lab } from '../src/lab/lab.ts'
import { addNode, addReflector, addVm } from '../src/lab/network.ts'
import { AS } from '../src/lab/two-nodes.ts'
import { attach } from '../test/support/interop.ts'
import { type CrowdOptions, crowd } from './crowd.ts'
import { Offer } from './offer.ts'
import { Watcher } from './watcher.ts'

/**
 * How long a small request waits while others ask for much of a node with many routes, and what memory the daemon holds before, meanwhile and after.
 * Needs root and a build; everything happens in network namespaces of its own.
 *   npx tsx bench/answers.ts [ROUTES] [SECONDS A LOAD] [FORWARDING_THREAD] [LOADS]
 */

const [routes = 100_000, seconds = 6] = process.argv.slice(2, 4).map(Number)
const [thread = 'false', part = ''] = process.argv.slice(4)

const REFLECTOR = '10.77.0.1'
const INSTANCE = '/looking-glass/vpns/instances/net1'
const LOADS: Readonly<Record<string, Omit<CrowdOptions, 'server'>>> = {
  'received_routes, 1 reader': { path: `${INSTANCE}/received_routes`, connections: 1, pipelined: 1 },
  'received_routes, 20 readers': { path: `${INSTANCE}/received_routes`, connections: 20, pipelined: 1 },
  'best_routes, 20 readers': { path: `${INSTANCE}/best_routes`, connections: 20, pipelined: 1 },
  'received_routes of the peer, 20 readers': {
    path: `/looking-glass/bgp/peers/${REFLECTOR}/received_routes`,
    connections: 20,
    pipelined: 1,
  },
  'all routes, 20 readers': { path: '/looking-glass/bgp/routes', connections: 20, pipelined: 1 },
  '/metrics, 20 readers': { path: '/metrics', connections: 20, pipelined: 1 },
  '/status/entries, 20 readers': { path: '/status/entries', connections: 20, pipelined: 1 },
  '/status/entries?state=failed, 20 readers': {
    path: '/status/entries?state=failed',
    connections: 20,
    pipelined: 1,
  },
  '/status, 20 readers': { path: '/status', connections: 20, pipelined: 1 },
  '/explain, 20 readers': {
    path: '/explain?address=02:00:00:10:00:07',
    connections: 20,
    pipelined: 1,
  },
  '4,000 /ping pipelined': { path: '/ping', connections: 1, pipelined: 4000 },
  '4,000 /status pipelined': { path: '/status', connections: 1, pipelined: 4000 },
  '4,000 received_routes pipelined': { path: `${INSTANCE}/received_routes`, connections: 1, pipelined: 4000 },
}

/** Milliseconds that /ping takes, one after the other, until `ms` are over. */
async function pings(server: Server, ms: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const taken: number[] = []
  for (const end = performance.now() + ms; performance.now() < end; await pause(3)) {
    const from = performance.now()
    await new Promise<void>((resolve, reject) => {
      get({ agent, host: server.host, port: server.port, path: '/ping' }, (response) =>
        response.resume().once('end', resolve),
      ).once('error', reject)
    })
    taken.push(performance.now() - from)
  }
  agent.destroy()
  return taken.sort((a, b) => a - b)
}

const quantile = (sorted: readonly number[], q: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN).toFixed(1)

function megabytes(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1]) / 1024)
}

const print = (line: string) => process.stdout.write(`${line}\n`)

const lab = new Lab()
try {
  const reflector = await addReflector(lab, REFLECTOR)
  const host = await addNode(lab, reflector, 'pe', '10.77.0.11')
  const offer = await Offer.listen(reflector.address, routes)
  const vm = await addVm(lab, host, 'vm1', 0x020000000101, '192.168.10.1/24')
  const daemon = await startChanter(lab, host, {
    BGP: { peers: reflector.address, my_as: AS },
    DEFAULT: { forwarding_thread: thread },
  })
  const pid = daemon.process.pid ?? 0
  await attach(daemon, vm)
  await lab.eventually('the session is up', async () => (offer.isUp ? { value: true } : { seen: 'not yet' }))
  await pause(5000)
  print(`${routes} routes, forwarding_thread = ${thread}`)
  print(`RSS at rest: ${megabytes(pid)} MB`)
  const watcher = new Watcher(host.namespace)
  offer.advertise()
  await watcher.until(() => watcher.present >= 2 * routes)
  print(`RSS when all is in the kernel: ${megabytes(pid)} MB, at most ${megabytes(pid, 'VmHWM')} MB`)
  await pause(10_000)
  print(`RSS 10 s later: ${megabytes(pid)} MB`)
  const idle = await pings(daemon.api, Math.max(seconds, 1) * 1000)
  print(`/ping alone: p50 ${quantile(idle, 0.5)} p99 ${quantile(idle, 0.99)} max ${quantile(idle, 1)} ms`)
  const loads = Object.entries(LOADS).filter(([name]) => seconds > 0 && name.includes(part))
  for (const [name, load] of loads) {
    const before = megabytes(pid)
    let peak = before
    const sampling = setInterval(() => {
      peak = Math.max(peak, megabytes(pid))
    }, 50)
    const asking = await crowd({ server: daemon.api, ...load })
    await pause(500)
    const taken = await pings(daemon.api, seconds * 1000)
    const { answers, octets, closed } = await asking.end()
    clearInterval(sampling)
    print(
      `${name}: p50 ${quantile(taken, 0.5)} p99 ${quantile(taken, 0.99)} max ${quantile(taken, 1)} ms of ${taken.length}; ` +
        `${answers} answers, ${Math.round(octets / 1e6)} MB, ${closed} connections ended; RSS ${before} MB, at most ${peak} MB`,
    )
  }
  for (const after of [10, 20]) {
    await pause(10_000)
    print(`RSS ${after} s after the last reader: ${megabytes(pid)} MB`)
  }
  offer.withdraw()
  await watcher.until(() => watcher.present < 100)
  print(`RSS when all is withdrawn: ${megabytes(pid)} MB`)
  for (const after of [15, 30]) {
    await pause(15_000)
    print(`RSS ${after} s later: ${megabytes(pid)} MB`)
  }
  watcher.close()
  offer.close()
} finally {
  lab.close()
}
