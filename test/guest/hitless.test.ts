import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { request } from '../../src/client.ts'
import { LOG_LINES } from '../../src/events/log-lines.ts'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { Flow, lossText } from '../support/flow.ts'
import { type Loss, monotonicMs } from '../support/flow-account.ts'
import { session } from '../support/interop.ts'
import { attach, type Customer, Fleet } from './fleet.ts'
import { ip, runIn } from './network.ts'
import { type Kill, REFLECTORS, type ReflectorName } from './reflectors.ts'

const TARGETS = { imports: ['64512:10'], exports: ['64512:10'] }
/** What the guest's one CPU carries beside daemons that start. */
const PACKETS_A_SECOND = 250
/**
 * `hold_time` is short, so that a reflector that is gone is noticed within the test; `vanished_time` is longer than a restart takes on
 * a busy machine.
 */
const TIMERS = { BGP: { hold_time: 9, vanished_time: 300 } }

/** What a daemon logs when it removes what is left of an earlier one. */
const CONVERGED = LOG_LINES['initial-convergence'].message

let fleet: Fleet
let kill: Kill = async () => {}
let vms: readonly [Customer, Customer]
const daemons: LabDaemon[] = []

beforeAll(() => {
  fleet = new Fleet('10.77.0.')
  const customer = (n: number) => fleet.addCustomer(fleet.addHost(`pe${n}`, 10 + n), n, n)
  vms = [customer(1), customer(2)]
})

afterEach(() => killReflector())
afterAll(() => fleet.lab.close())

async function startDaemon(i: number): Promise<void> {
  daemons[i] = await fleet.startDaemon(vms[i]!.home, [fleet.reflector], TIMERS)
}

async function sessions(up: boolean): Promise<void> {
  for (const daemon of daemons) await session(fleet.lab, daemon, fleet.reflector.address, up)
}

async function startReflector(name: ReflectorName, restarted: boolean): Promise<void> {
  const clients = vms.map(({ home }) => home)
  kill = await REFLECTORS[name](fleet.lab, fleet.reflector, clients, restarted)
}

async function killReflector(): Promise<void> {
  await kill()
  await sessions(false)
}

/** Waits until the nodes have the routes of each other by sessions that are up now. */
async function exchanged(): Promise<void> {
  await sessions(true)
  for (const [i, { api, host }] of daemons.entries())
    for (const { address } of vms[1 - i]!.subnets) {
      await fleet.lab.eventually(`${host.name} has a route to ${address} that is not stale`, async () => {
        const { body } = await request(api, `/explain?address=${address.split('/')[0]}`)
        return body.includes('"stale":false') ? { value: body } : { seen: body }
      })
    }
}

const forwarding = () =>
  ['ip -4 route show table 1001', 'ip -6 route show table 1001 proto 19', 'ip -f mpls route'].map((command) =>
    vms.map(({ home }) => runIn(home.namespace, command)),
  )

/** Prints the changes of a node's routes, labels, rules and links. */
const monitored = (name: string) =>
  vms.map(({ home }) =>
    fleet.lab.start(home.namespace, `monitor-${home.name}-${name}`, 'ip', 'monitor', 'route', 'rule', 'link'),
  )

/** What the monitors of the nodes printed; not the routes that the kernel makes for its own addresses. */
async function changesOf(monitors: readonly LabProcess[]): Promise<string[]> {
  const lines: string[] = []
  for (const [i, monitor] of monitors.entries()) {
    // what it is certain to print, so that its silence means something
    ip(vms[i]!.home.namespace, 'link add witness type dummy', 'link del witness')
    const output = await fleet.lab.eventually('the monitor shows the witness', async () => {
      const seen = monitor.tail(100)
      return seen.includes('witness') ? { value: seen } : { seen }
    })
    await monitor.stop()
    lines.push(...output.split(/^.*witness/m)[0]!.split('\n'))
  }
  return lines.filter((line) => line !== '' && !line.includes('proto kernel'))
}

/** How often the daemons of a node logged initial convergence. */
const sweeps = (i: number) => daemons[i]!.process.tail(100_000).split(CONVERGED).length

async function restartDaemon(i: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  await daemons[i]!.process.stop(signal)
  await startDaemon(i)
  await exchanged()
}

// the daemons stay, and have one reflector after the other
test.each(Object.keys(REFLECTORS) as ReflectorName[])(
  'IP VPN behind %s: no packet is lost when daemons and reflector are killed and come back',
  async (name) => {
    await startReflector(name, false)
    if (daemons.length === 0) {
      for (const i of [0, 1]) await startDaemon(i)
      for (const i of [0, 1]) await attach(daemons[i]!, vms[i]!, TARGETS)
    }
    await exchanged()
    await fleet.reaches(vms[0], vms[1])

    const before = forwarding()
    const sweptBefore = [sweeps(0), sweeps(1)]
    const monitors = monitored(name)
    const flow = await Flow.start(fleet.lab, vms[0], vms[1], PACKETS_A_SECOND)
    onTestFinished(() => flow.close())
    const begun: (readonly [what: string, at: number])[] = []
    const mark = (what: string) => begun.push([what, monotonicMs()])
    mark('a daemon ends by SIGTERM and comes back')
    await restartDaemon(0, 'SIGTERM')
    mark('the other ends by SIGKILL and comes back')
    await restartDaemon(1, 'SIGKILL')
    await fleet.lab.eventually('the new daemons have removed the stale entries', async () => {
      const now = [sweeps(0), sweeps(1)]
      return now.every((count, i) => count > sweptBefore[i]!) ? { value: now } : { seen: now.join() }
    })
    mark('the reflector is killed and comes back')
    await killReflector()
    await startReflector(name, true)
    await exchanged()
    const { thereAndBack } = await flow.stop()

    for (const [i, [what, from]] of begun.entries()) {
      const until = begun[i + 1]?.[1] ?? Number.POSITIVE_INFINITY
      const isThen = ({ untilMs }: Loss) => untilMs >= from && untilMs < until
      const lost = thereAndBack.losses.filter(isThen).reduce((sum, { packets }) => sum + packets, 0)
      console.log(`${name}: ${what}: ${lost} packets lost`)
    }
    console.log(`${name}: ${lossText(thereAndBack)}`)
    expect(thereAndBack.lost).toBe(0)
    expect(thereAndBack.packetsASecond).toBeGreaterThan(PACKETS_A_SECOND / 10)
    expect(forwarding()).toEqual(before)
    expect(await changesOf(monitors)).toEqual([])
  },
)
