import { parseInterfaceAddress } from '../src/values/address.ts'
import { TestNode } from '../test/support/node.ts'
import { peerConfig } from '../test/support/speakers.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { VirtualNetwork } from '../test/support/virtual-network.ts'

/**
 * The CPU time of a scrape of `/metrics` on a node with many ports, and of other answers that are asked for all the time; the kernel is in
 * memory. The cost for a port is the difference between both numbers of ports.
 *   npx tsx bench/metrics.ts [PORTS] [NETWORKS]
 */

const [ports = 5000, networks = 500] = process.argv.slice(2).map(Number)
const ROUNDS = 20
const PATHS = ['/metrics', '/status', '/ping']

const print = (line: string) => process.stdout.write(`${line}\n`)
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const clock = new VirtualClock()
const node = new TestNode('10.77.0.11', [peerConfig('10.77.0.1')], clock, new VirtualNetwork(clock))
const app = node.api()

async function attach(from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const network = i % networks
    await node.withPorts(`tap${i}`).attach({
      instanceId: `net${network}`,
      vni: 1000 + network,
      port: `tap${i}`,
      mac: 0x02_00_00_00_00_00 + i,
      ip: parseInterfaceAddress(`10.0.${i >> 8}.${i & 0xff}/16`)!,
    })
  }
  clock.advance(10_000)
}

async function measure(): Promise<void> {
  for (const path of PATHS) {
    const size = (await clock.while(app.inject(path))).body.length
    const before = cpuMs()
    for (let i = 0; i < ROUNDS; i++) await clock.while(app.inject(path))
    print(`  ${path}: ${((cpuMs() - before) / ROUNDS).toFixed(1)} ms of CPU time, ${size} octets`)
  }
}

const few = Math.min(100, ports)
await attach(0, few)
print(`${few} ports`)
await measure()
await attach(few, ports)
print(`${ports} ports in ${Math.min(networks, ports)} networks`)
await measure()
process.exit(0)
