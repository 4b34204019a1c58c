import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { request, type Server } from '../src/client.ts'
import { UNPROTECTED } from '../src/config/api-options.ts'
import { formatIni } from '../src/lab/chanter.ts'
import { run } from '../src/lab/command.ts'
import { Lab } from '../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost, type Vm } from '../src/lab/network.ts'
import { AS } from '../src/lab/two-nodes.ts'
import { formatMac } from '../src/values/mac.ts'
import { BROADCAST, ethernet } from '../test/support/frames.ts'
import { Socket, within } from '../test/support/sockets.ts'

/**
 * What two builds take to attach ports and to forward, in turns: what keeps VMs from the host has its price there, if anywhere. Needs root;
 * everything happens in network namespaces of its own.
 *   npx tsx bench/isolation.ts BEFORE AFTER [ROUNDS] [PORTS] [PACKETS]      BEFORE and AFTER are checkouts that were built
 */

const [before, after, ...counts] = process.argv.slice(2)
if (before === undefined || after === undefined) throw new Error('which two checkouts?')
const [rounds = 5, ports = 100, packets = 200_000] = counts.map(Number)

const PORT = 8082
const EXPERIMENTAL = 0x88b5
/** As long as what a VM sends at most. */
const LONG = 1400
/** Packets between two reads of arrivals, fewer than the kernel keeps for an interface that is behind. */
const BURST = 500
const PATIENCE_MS = 2000

type Figures = Readonly<Record<string, number>>

async function measure(checkout: string): Promise<Figures> {
  const lab = new Lab()
  try {
    const reflector = await addReflector(lab, '10.77.0.1')
    const hosts = [
      await addNode(lab, reflector, 'node1', '10.77.0.11'),
      await addNode(lab, reflector, 'node2', '10.77.0.12'),
    ] as const
    const [one, two] = [
      await addVm(lab, hosts[0], 'vm1', 0x020000000101, '192.168.10.1/24'),
      await addVm(lab, hosts[1], 'vm2', 0x020000000102, '192.168.10.2/24'),
    ]
    const apis = [
      await start(lab, checkout, hosts[0], hosts[1]),
      await start(lab, checkout, hosts[1], hosts[0]),
    ] as const
    await attach(apis[0], 'net0', 100, one.port, formatMac(one.mac), one.address)
    await attach(apis[1], 'net0', 100, two.port, formatMac(two.mac), two.address)
    await lab.eventually('the VMs reach each other', async () => ({
      value: await lab.exec(one.namespace, 'ping', '-c', '1', '-W', '1', '192.168.10.2'),
    }))
    return {
      ...rates(one, two),
      ...(await attachTimes(hosts[0], apis[0])),
    }
  } finally {
    lab.close()
  }
}

/** Starts the daemon of a checkout, whose peer is the other node. */
async function start(lab: Lab, checkout: string, host: LabHost, peer: LabHost): Promise<Server> {
  const api = { host: host.address, port: PORT }
  const file = join(lab.directory, `${host.name}.conf`)
  writeFileSync(
    file,
    formatIni({
      BGP: { local_address: host.address, peers: peer.address, my_as: AS, connect_retry_time: 1 },
      DEFAULT: { state_file: join(lab.directory, `${host.name}.state`) },
      API: { host: '0.0.0.0', port: PORT, unprotected: UNPROTECTED, request_rate: 0 },
      DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
    }),
  )
  lab.start(host.namespace, host.name, join(checkout, 'bin/chanter'), 'daemon', '--config-file', file)
  await lab.eventually(`the API of ${host.name} answers`, async () => ({
    value: await request(api, '/ping'),
  }))
  return api
}

/** Milliseconds that an attach takes. */
async function attach(
  api: Server,
  instance: string,
  vni: number,
  port: string,
  mac: string,
  address: string,
): Promise<number> {
  const began = performance.now()
  const answer = await request(api, '/attach_localport', {
    vpn_instance_id: instance,
    vpn_type: 'evpn',
    import_rt: [`64512:${vni}`],
    export_rt: [`64512:${vni}`],
    mac_address: mac,
    ip_address: address,
    local_port: { linuxif: port },
    vni,
  })
  if (answer.status !== 200) throw new Error(`attach: ${answer.status} ${answer.body}`)
  return performance.now() - began
}

/** Of ports in one network, and of those that are the first of theirs. */
async function attachTimes(host: LabHost, api: Server): Promise<Figures> {
  const times = { known: [] as number[], new: [] as number[] }
  for (let i = 0; i < ports; i++) {
    await run('ip', '-n', host.namespace, 'link', 'add', `tap${i}`, 'up', 'type', 'veth', 'peer', `far${i}`)
    const mac = formatMac(0x020000010000 + i)
    const isNew = i % 2 === 1
    const took = await attach(
      api,
      isNew ? `new${i}` : 'net0',
      isNew ? 1000 + i : 100,
      `tap${i}`,
      mac,
      `192.168.10.${10 + (i % 200)}/24`,
    )
    times[isNew ? 'new' : 'known'].push(took)
  }
  return {
    'attach to a network, p50 ms': quantile(times.known, 0.5),
    'attach to a network, p99 ms': quantile(times.known, 0.99),
    'attach that makes one, p50 ms': quantile(times.new, 0.5),
    'attach that makes one, p99 ms': quantile(times.new, 0.99),
  }
}

/** Packets a second from one VM to the other. */
function rates(from: Vm, to: Vm): Figures {
  const [short, long] = [Buffer.alloc(10), Buffer.alloc(LONG)]
  return {
    'unicast, short, kpps': rate(
      from,
      to,
      ethernet(formatMac(to.mac), formatMac(from.mac), EXPERIMENTAL, short),
    ),
    'unicast, long, kpps': rate(
      from,
      to,
      ethernet(formatMac(to.mac), formatMac(from.mac), EXPERIMENTAL, long),
    ),
    'broadcast, short, kpps': rate(from, to, ethernet(BROADCAST, formatMac(from.mac), EXPERIMENTAL, short)),
  }
}

function rate(from: Vm, to: Vm, frame: Buffer): number {
  const socket = Socket.ofInterface(from.namespace, 'eth0')
  const first = arrived(to)
  const began = performance.now()
  let sent = 0
  while (sent < packets) {
    for (let i = 0; i < BURST; i++) socket.send(frame)
    sent += BURST
    const deadline = performance.now() + PATIENCE_MS
    while (arrived(to) - first < sent && performance.now() < deadline);
  }
  const seconds = (performance.now() - began) / 1000
  socket.close()
  return (arrived(to) - first) / seconds / 1000
}

/** Packets that a VM has received. */
function arrived(vm: Vm): number {
  const text = within(vm.namespace, () => readFileSync('/proc/thread-self/net/dev', 'utf8'))
  return Number(/eth0:\s*\d+\s+(\d+)/.exec(text)?.[1])
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

// The first round compiles code of this process, and is not counted.
await measure(before)
const found: (readonly [Figures, Figures])[] = []
for (let round = 0; round < rounds; round++) {
  // Who is first has the quieter machine as often as the other.
  const first = round % 2 === 0
  const one = await measure(first ? before : after)
  const other = await measure(first ? after : before)
  found.push(first ? [one, other] : [other, one])
  process.stderr.write(`round ${round + 1} of ${rounds}\n`)
}
const cell = (value: number, width = 10) => value.toFixed(2).padStart(width)
process.stdout.write(
  `${'median of'.padEnd(32)}${['before', 'after', 'ratio', 'least', 'most'].map((word) => word.padStart(10)).join('')}\n`,
)
for (const name of Object.keys(found[0]![0])) {
  const pairs = found.map(([a, b]) => [a[name]!, b[name]!] as const)
  const ratios = pairs.map(([a, b]) => b / a)
  const columns = [
    quantile(
      pairs.map(([a]) => a),
      0.5,
    ),
    quantile(
      pairs.map(([, b]) => b),
      0.5,
    ),
    quantile(ratios, 0.5),
    Math.min(...ratios),
    Math.max(...ratios),
  ]
  process.stdout.write(`${name.padEnd(32)}${columns.map((value) => cell(value)).join('')}\n`)
}
