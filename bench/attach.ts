import { systemClock } from '../src/clock.ts'
import type { Driver } from '../src/dataplane/driver.ts'
import { type Forwarding, localForwarding } from '../src/dataplane/forwarding.ts'
import { LinuxDriver } from '../src/dataplane/linux/driver.ts'
import { MemoryDriver } from '../src/dataplane/memory/driver.ts'
import { enterOwnNamespace } from '../test/kernel/namespace.ts'
import { noEvents } from '../test/support/events.ts'
import {
  addTaps,
  benchClock,
  detachOf,
  openVpnService,
  quantiles,
  requestOf,
  threadForwarding,
} from './vpn-service.ts'

/**
 * How long attaches and detaches take on a node that has many ports already, with the state on disk before each answer. The share of the
 * driver is the time within its calls, which a thread of its own does not tell. `kernel` and `thread` need root; everything happens in a
 * network namespace of its own.
 *   npx tsx bench/attach.ts memory|kernel|thread [PORTS] [NETWORKS] [DIRECTORY]      DIRECTORY is where the state file goes
 */

const [dataplane = 'memory', ...rest] = process.argv.slice(2)
const [ports = 5000, networks = 500] = rest.slice(0, 2).map(Number)
/** Of each kind. */
const MEASURED = 200

let driverMs = 0

/** The driver with a stopwatch at its calls. */
function timed(driver: Driver): Driver {
  return new Proxy(driver, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown
      if (typeof member !== 'function') return member
      return (...words: unknown[]) => {
        const start = performance.now()
        try {
          return Reflect.apply(member, target, words) as unknown
        } finally {
          driverMs += performance.now() - start
        }
      }
    },
  })
}

function openForwarding(names: readonly string[]): Forwarding {
  const parts = { clock: benchClock, events: noEvents }
  if (dataplane === 'memory') {
    const driver = new MemoryDriver(systemClock)
    for (const name of names) driver.kernel.addLink(name)
    return localForwarding({ ...parts, driver: timed(driver) })
  }
  enterOwnNamespace()
  addTaps(names)
  if (dataplane === 'thread') return threadForwarding()
  return localForwarding({ ...parts, driver: timed(new LinuxDriver({ clock: benchClock })) })
}

const names = Array.from({ length: ports + 3 * MEASURED }, (_, port) => `tap${port}`)
const forwarding = openForwarding(names)
const { vpns, directory, close } = openVpnService(forwarding, rest[2])

const print = (line: string): boolean => process.stdout.write(`${line}\n`)

/** In milliseconds: the quantiles of `count` runs of something in turn, and what of them the driver took on average. */
async function measure(what: string, count: number, run: (index: number) => Promise<void>): Promise<void> {
  const times: number[] = []
  driverMs = 0
  const before = process.cpuUsage()
  for (let index = 0; index < count; index++) {
    const start = performance.now()
    await run(index)
    times.push(performance.now() - start)
  }
  const mean = (ms: number) => (ms / count).toFixed(2).padStart(6)
  const { user, system } = process.cpuUsage(before)
  print(
    `${what.padEnd(30)} ${quantiles(times)}   CPU${mean((user + system) / 1000)}   driver${mean(driverMs)}`,
  )
}

try {
  process.stdout.write(
    `${`${ports} ports in ${networks} networks, ${dataplane} dataplane, state in ${directory}`}\n`,
  )
  const filling = performance.now()
  await measure('filling', ports, (port) => vpns.attach(requestOf(port, port % networks)))
  process.stdout.write(
    `${`${Math.round((ports / (performance.now() - filling)) * 1000)} attaches a second`}\n`,
  )
  const into = (port: number) => requestOf(ports + port, port % networks)
  await measure('attach to an existing instance', MEASURED, (port) => vpns.attach(into(port)))
  await measure('the same again', MEASURED, (port) => vpns.attach(into(port)))
  const anew = (port: number) => requestOf(ports + MEASURED + port, networks + port)
  await measure('attach to a new instance', MEASURED, (port) => vpns.attach(anew(port)))
  await measure('detach, the instance stays', MEASURED, (port) => vpns.detach(detachOf(into(port))))
  await measure('detach, the instance ends', MEASURED, (port) => vpns.detach(detachOf(anew(port))))
  const together = performance.now()
  const many = Array.from({ length: MEASURED }, (_, port) => requestOf(ports + 2 * MEASURED + port, port))
  await Promise.all(many.map((request) => vpns.attach(request)))
  process.stdout.write(`${`${MEASURED} attaches at once: ${(performance.now() - together).toFixed(2)}`}\n`)
} finally {
  await close()
}
process.exit()
