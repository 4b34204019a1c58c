import { existsSync, readFileSync } from 'node:fs'
import { startChanter } from '../src/lab/chanter.ts'
import { run } from '../src/lab/command.ts'
import { Lab } from '../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost } from '../src/lab/network.ts'
import { AS } from '../src/lab/two-nodes.ts'
import { Frr } from '../test/support/frr.ts'
import { attach } from '../test/support/interop.ts'
import { Offer, VTEPS } from './offer.ts'
import { type KernelLimit, kernelLimit } from './pairs.ts'
import { SAMPLE, Watcher } from './watcher.ts'

/**
 * EVPN routes from a reflector that offers them as fast as they are taken, into the kernel: what the kernel can do at best, chanter, and FRR where
 * it is installed, in turns; chanter with its forwarding thread and without. Each process takes them twice: the first time V8 compiles our code
 * beside the work, the second is what a daemon takes that has run for a while. Needs root; everything happens in network namespaces of its own.
 *   npx tsx bench/evpn.ts [ROUTES] [ROUNDS]
 */

const [routes = 100_000, rounds = 3] = process.argv.slice(2).map(Number)

interface Burst {
  readonly advertise: number
  readonly withdraw: number
  /** Of all processes, user and system: for the advertisements, and for the withdrawals. */
  readonly cpuSeconds: readonly [number, number]
}

interface Figures {
  readonly first: Burst
  /** Why there is none, where the daemon stopped half-way. */
  readonly again: Burst | string
  /** The most memory of the first burst. */
  readonly bytesPerRoute: number
  /** The longest that nothing came from the daemon. */
  readonly silence: number
}

async function measure(
  start: (lab: Lab, host: LabHost, reflector: LabHost) => Promise<readonly number[]>,
): Promise<Figures> {
  const lab = new Lab()
  try {
    const reflector = await addReflector(lab, '10.77.0.1')
    const host = await addNode(lab, reflector, 'pe', '10.77.0.11')
    const offer = await Offer.listen(reflector.address, routes)
    const pids = await start(lab, host, reflector)
    await lab.eventually('the session is up', async () =>
      offer.isUp ? { value: true } : { seen: 'not yet' },
    )
    const before = memory(pids)
    const watcher = new Watcher(host.namespace)
    const first = await burst(offer, watcher, pids)
    const bytesPerRoute = (memory(pids, 'VmHWM') - before) / routes
    const again = await burst(offer, watcher, pids).catch((error: Error) => error.message)
    const { longestSilence: silence } = offer
    watcher.close()
    offer.close()
    return { first, again, bytesPerRoute, silence }
  } finally {
    lab.close()
  }
}

/** All routes come, and go. */
async function burst(offer: Offer, watcher: Watcher, pids: readonly number[]): Promise<Burst> {
  const cpuBefore = cpu(pids)
  const advertise = await timed(
    watcher,
    () => offer.advertise(),
    ({ present }) => present >= 2 * routes,
  )
  const cpuBetween = cpu(pids)
  const withdraw = await timed(
    watcher,
    () => offer.withdraw(),
    ({ present }) => present < LEFT,
  )
  return { advertise, withdraw, cpuSeconds: [cpuBetween - cpuBefore, cpu(pids) - cpuBetween] }
}

/** Seconds from the first octet until the kernel is as awaited. */
async function timed(
  watcher: Watcher,
  begin: () => void,
  done: (watcher: Watcher) => boolean,
): Promise<number> {
  const from = performance.now()
  begin()
  const end = await watcher.until(() => done(watcher))
  return (end - from) / 1000
}

function memory(pids: readonly number[], field = 'VmRSS'): number {
  const of = (pid: number) =>
    Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  return pids.reduce((sum, pid) => sum + of(pid), 0)
}

/** An entry that is not of the routes may be in the sample, such as one of the VM or of the underlay. */
const LEFT = 2 * SAMPLE
const FRR = '/usr/lib/frr/bgpd'
const TICKS = 100
function cpu(pids: readonly number[]): number {
  const of = (pid: number) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  }
  return pids.reduce((sum, pid) => sum + of(pid), 0)
}

const chanter =
  (hasThread: boolean) =>
  async (lab: Lab, host: LabHost, reflector: LabHost): Promise<number[]> => {
    const vm = await addVm(lab, host, 'vm1', 0x020000000101, '192.168.10.1/24')
    // or the entries of nodes that withdraw all at once are kept for a while
    const bgp = { peers: reflector.address, my_as: AS, vanished_time: 0 }
    const daemon = await startChanter(lab, host, {
      BGP: bgp,
      DEFAULT: { forwarding_thread: String(hasThread) },
    })
    await attach(daemon, vm)
    return [daemon.process.pid ?? 0]
  }

/** FRR's zebra and bgpd, with a bridge and a VXLAN device as its manual has them. */
async function frr(lab: Lab, host: LabHost, reflector: LabHost): Promise<number[]> {
  const { namespace, address } = host
  const ip = (...words: readonly string[]) => run('ip', '-n', namespace, ...words)
  await ip('route', 'add', VTEPS, 'dev', 'eth0') // it has to know a way to them
  await ip('link', 'add', 'br100', 'type', 'bridge', 'forward_delay', '0')
  await ip(
    ...['link', 'add', 'vxlan100', 'type', 'vxlan', 'id', '100', 'local', address],
    ...['dstport', '4789', 'nolearning'],
  )
  await ip('link', 'set', 'vxlan100', 'master', 'br100', 'up')
  await ip('link', 'set', 'br100', 'up')
  await ip('addr', 'add', '192.168.10.252/24', 'dev', 'br100')
  const suppress = ['learning', 'off', 'neigh_suppress', 'on']
  await run('bridge', '-netns', namespace, 'link', 'set', 'dev', 'vxlan100', ...suppress)
  const { pids } = await Frr.start(
    lab,
    host,
    `router bgp ${AS}
 bgp router-id ${address}
 no bgp default ipv4-unicast
 neighbor ${reflector.address} remote-as ${AS}
 neighbor ${reflector.address} timers connect 1
 address-family l2vpn evpn
  neighbor ${reflector.address} activate
  advertise-all-vni
  vni 100
   route-target both ${AS}:10
  exit-vni
`,
  )
  return pids
}

const seconds = ({ advertise, withdraw, cpuSeconds: [set, remove] }: Burst) =>
  `advertise ${advertise.toFixed(2)} s, withdraw ${withdraw.toFixed(2)} s, CPU ${set.toFixed(2)} and ${remove.toFixed(2)} s`

async function limitOfKernel(): Promise<KernelLimit> {
  const lab = new Lab()
  try {
    lab.enter(lab.addNamespace('limit'))
    return await kernelLimit(routes)
  } finally {
    lab.close()
  }
}

const ratio = (a: number, b: number) => (a / b).toFixed(2)
const ratios = ({ advertise, withdraw }: Burst, to: Pick<Burst, 'advertise' | 'withdraw'>) =>
  `ratios ${ratio(advertise, to.advertise)} and ${ratio(withdraw, to.withdraw)}`
const print = (line: string) => process.stdout.write(`${line}\n`)

function show(who: string, { first, again, bytesPerRoute, silence }: Figures, kernel: KernelLimit): void {
  const limit = { advertise: kernel.set, withdraw: kernel.remove }
  print(`${who} ${seconds(first)}: ${ratios(first, limit)} to the kernel's limit`)
  print(`  again ${typeof again === 'string' ? again : `${seconds(again)}: ${ratios(again, limit)}`}`)
  print(`  ${Math.round(bytesPerRoute)} bytes a route, longest silence ${silence.toFixed(1)} s`)
}

for (let round = 0; round < rounds; round++) {
  const limit = await limitOfKernel()
  print(`kernel limit: set ${limit.set.toFixed(2)} s, remove ${limit.remove.toFixed(2)} s`)
  const ours = await measure(chanter(true))
  show('chanter', ours, limit)
  const alone = await measure(chanter(false))
  show('chanter without forwarding_thread', alone, limit)
  print(`  with it, ${ratios(ours.first, alone.first)} to without`)
  if (!existsSync(FRR)) continue
  const theirs = await measure(frr).catch((error: Error) => error.message)
  if (typeof theirs === 'string') print(`FRR ${theirs}`)
  else show('FRR', theirs, limit)
}
