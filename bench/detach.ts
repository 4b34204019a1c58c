import { execFileSync } from 'node:child_process'
import type { Entry } from '../src/dataplane/model.ts'
import { endpointEntries } from '../src/vpn/instance.ts'
import { enterOwnNamespace } from '../test/kernel/namespace.ts'
import { addTaps, detachOf, openVpnService, requestOf, threadForwarding } from './vpn-service.ts'

/**
 * Networks that leave all at once, each a bridge, a VXLAN device and a port: how long until all that forwards is gone and until the last empty bridge is gone,
 * against what the kernel takes for `ip link del group` of the same links, and how long an attachment to a new network takes meanwhile. Needs root; everything
 * happens in a network namespace of its own.
 *   npx tsx bench/detach.ts [NETWORKS] [ATTACHMENTS]      how many attachments are measured at most
 */

const [networks = 1000, most = 300] = process.argv.slice(2).map(Number)
const GROUP = '4711'
/** A new attachment comes so long after the last one was answered. */
const PAUSE_MS = 100

const numbers = Array.from({ length: networks }, (_, number) => number)

function ip(lines: readonly string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })
}

/** Milliseconds that one request takes which deletes the same links. */
function kernelMs(): number {
  ip(
    numbers.flatMap((number) => [
      `link add br${number} group ${GROUP} type bridge mcast_snooping 0`,
      `link add vx${number} group ${GROUP} master br${number} type vxlan id ${number} dstport 4789 local 127.0.0.1`,
      `link set br${number} up`,
      `link set vx${number} up`,
    ]),
  )
  const from = performance.now()
  ip([`link del group ${GROUP}`])
  return performance.now() - from
}

const quantile = (sorted: readonly number[], q: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN).toFixed(0)

/** Attaches ports to new networks, one after the other, until `isOver`; answers with the milliseconds of each. */
async function attach(count: number, first: number, isOver: () => boolean): Promise<number[]> {
  const taken: number[] = []
  for (let n = first; n < first + count && !isOver(); n++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    const from = performance.now()
    await vpns.attach(requestOf(n, n))
    taken.push(performance.now() - from)
  }
  return taken.sort((a, b) => a - b)
}

const print = (line: string) => process.stdout.write(`${line}\n`)

enterOwnNamespace()
const kernel = kernelMs()
addTaps(Array.from({ length: networks + most + 20 }, (_, number) => `tap${number}`))
const forwarding = threadForwarding()
const { vpns, close } = openVpnService(forwarding)
try {
  for (const number of numbers) await vpns.attach(requestOf(number, number))
  const alone = await attach(20, networks + most, () => false)
  const entries: Entry[] = [...vpns.instances.values()]
    .slice(0, networks)
    .flatMap((instance) => [
      ...instance.forwarding.instanceEntries(),
      ...[...instance.attachments].flatMap((one) => endpointEntries(instance, one)),
    ])
  const from = performance.now()
  const passed = () => performance.now() - from
  await Promise.all(numbers.map((number) => vpns.detach(detachOf(requestOf(number, number)))))
  const detached = passed()
  let isGone = false
  const forwards = forwarding.dataplane.gone(entries.filter(({ kind }) => kind !== 'bridge')).then(passed)
  const gone = forwarding.dataplane.gone(entries).then(() => {
    isGone = true
    return passed()
  })
  const before = process.cpuUsage()
  const taken = await attach(most, networks, () => isGone)
  const cpu = process.cpuUsage(before)
  print(
    `${networks} networks: detached ${detached.toFixed(0)} ms, all that forwards gone ${(await forwards).toFixed(0)} ms, last bridge gone ${(await gone).toFixed(0)} ms; ` +
      `kernel, by one request, ${kernel.toFixed(0)} ms; CPU ${((cpu.user + cpu.system) / 1000).toFixed(0)} ms`,
  )
  for (const [what, times] of Object.entries({ alone, meanwhile: taken }))
    print(
      `${times.length} attachments ${what}: p50 ${quantile(times, 0.5)} p95 ${quantile(times, 0.95)} p99 ${quantile(times, 0.99)} max ${quantile(times, 1)} ms`,
    )
} finally {
  await close()
}
process.exit()
