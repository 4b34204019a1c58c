import { execFileSync } from 'node:child_process'
import type { Entry } from '../src/dataplane/model.ts'
import { endpointEntries } from '../src/vpn/instance.ts'
import { enterOwnNamespace } from '../test/kernel/namespace.ts'
import { addTaps, detachOf, openVpnService, quantiles, requestOf, threadForwarding } from './vpn-service.ts'

/**
 * Networks that leave all at once, each a bridge, a VXLAN device and a port: how long until all that forwards is gone and until the last empty bridge is gone,
 * against what the kernel takes for `ip link del group` of the same links, and how long an attachment to a new network takes before and meanwhile. Needs root;
 * everything happens in a network namespace of its own.
 *   npx tsx bench/detach.ts [NETWORKS] [PAUSE]      a new attachment comes PAUSE ms after the last one was answered; without, at once; `never`: none comes
 */

const [count = '1000', pause = '100'] = process.argv.slice(2)
const networks = Number(count)
const pauseMs = pause === 'never' ? null : Number(pause)
/** Attachments at most, meanwhile and before. */
const MOST = 1000
const ALONE = 50

const numbers = Array.from({ length: networks }, (_, number) => number)
const print = (line: string) => process.stdout.write(`${line}\n`)

function ip(lines: readonly string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })
}

/** Milliseconds that one request takes which deletes all links of a group. */
function groupMs(group: number): string {
  const from = performance.now()
  ip([`link del group ${group}`])
  return (performance.now() - from).toFixed(0)
}

/** The same links without chanter. */
function measureKernel(): void {
  ip(
    numbers.flatMap((number) => [
      `link add br${number} group 4711 type bridge mcast_snooping 0`,
      `link add vx${number} group 4712 master br${number} type vxlan id ${number} dstport 4789 local 127.0.0.1`,
      `link set br${number} up`,
      `link set vx${number} up`,
    ]),
  )
  const vxlans = groupMs(4712)
  print(`the kernel, by a request each: VXLAN devices ${vxlans} ms, bridges ${groupMs(4711)} ms`)
}

/** Attaches ports to new networks, one after the other, until `isOver`. */
async function attach(what: string, most: number, first: number, isOver: () => boolean): Promise<void> {
  const taken: number[] = []
  for (let n = first; n < first + most && !isOver(); n++) {
    if (pauseMs !== null && pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    const from = performance.now()
    await vpns.attach(requestOf(n, n))
    taken.push(performance.now() - from)
  }
  print(`${`${taken.length} attachments ${what}`.padEnd(30)} ${quantiles(taken)}`)
}

enterOwnNamespace()
measureKernel()
addTaps(Array.from({ length: networks + ALONE + MOST }, (_, number) => `tap${number}`))
const forwarding = threadForwarding()
const { vpns, close } = openVpnService(forwarding)
try {
  for (const number of numbers) await vpns.attach(requestOf(number, number))
  const entries: Entry[] = [...vpns.instances.values()].flatMap((instance) => [
    ...instance.forwarding.instanceEntries(),
    ...[...instance.attachments].flatMap((one) => endpointEntries(instance, one)),
  ])
  await attach('alone', ALONE, networks, () => false)
  const before = process.cpuUsage()
  const from = performance.now()
  const passed = () => (performance.now() - from).toFixed(0)
  await Promise.all(numbers.map((number) => vpns.detach(detachOf(requestOf(number, number)))))
  const detached = passed()
  let isGone = false
  const forwards = forwarding.dataplane.gone(entries.filter(({ kind }) => kind !== 'bridge')).then(passed)
  const gone = forwarding.dataplane.gone(entries).then(() => {
    isGone = true
    return passed()
  })
  if (pauseMs !== null) await attach('meanwhile', MOST, networks + ALONE, () => isGone)
  print(
    `${networks} networks: detached ${detached} ms, all that forwards gone ${await forwards} ms, last bridge gone ${await gone} ms`,
  )
  const { user, system } = process.cpuUsage(before)
  print(`CPU ${((user + system) / 1000).toFixed(0)} ms`)
} finally {
  await close()
}
process.exit()
