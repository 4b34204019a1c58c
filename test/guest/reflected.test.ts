import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Daemon } from '../../src/lab/chanter.ts'
import { startGobgp } from '../../src/lab/gobgp.ts'
import type { Host } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { Flow } from '../support/flow.ts'
import { session } from '../support/interop.ts'
import { AS, attach, type Customer, Fleet } from './fleet.ts'
import { runIn } from './network.ts'

const TARGETS = { imports: ['64512:10'], exports: ['64512:10'] }
/** What the guest's one CPU carries beside daemons that start. */
const PACKETS_A_SECOND = 250
/** Short, so that a reflector that is gone is noticed within the test. */
const TIMERS = { BGP: { hold_time: 9 } }

let fleet: Fleet
let hosts: Host[]
let reflector: LabProcess
let one: Daemon
let two: Daemon
let vm1: Customer
let vm2: Customer

const startReflector = (restarted = false) =>
  startGobgp(fleet.lab, fleet.reflector, AS, hosts, { gracefulRestart: true, restarted })

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  const pe1 = fleet.addHost('pe1', 11)
  const pe2 = fleet.addHost('pe2', 12)
  hosts = [pe1, pe2]
  vm1 = fleet.addCustomer(pe1, 1, 1)
  vm2 = fleet.addCustomer(pe2, 2, 2)
  reflector = await startReflector()
  one = await fleet.startDaemon(pe1, [fleet.reflector], TIMERS)
  two = await fleet.startDaemon(pe2, [fleet.reflector], TIMERS)
}, 120_000)

afterAll(() => fleet.lab.close())

const bothUp = async () => {
  for (const daemon of [one, two]) await session(fleet.lab, daemon, fleet.reflector.address, true, 60)
}

test('two daemons behind a GoBGP reflector: VMs of two subnets reach each other, IPv4 and IPv6', async () => {
  await bothUp()
  await attach(one, vm1, TARGETS)
  await attach(two, vm2, TARGETS)
  await fleet.reaches(vm1, vm2)
  await fleet.reaches(vm2, vm1)
})

describe('no packet is lost when', () => {
  const forwarding = () =>
    ['ip -4 route show table 1001', 'ip -6 route show table 1001 proto 19', 'ip -f mpls route'].map(
      (command) => hosts.map(({ namespace }) => runIn(namespace, command)),
    )

  async function expectNoLoss(what: string, happens: () => Promise<void>): Promise<void> {
    const before = forwarding()
    const flow = await Flow.start(fleet.lab, vm1, vm2, PACKETS_A_SECOND)
    await happens()
    const { sent, lost, outageMs, packetsASecond } = await flow.stop()
    console.log(`${what}: ${lost} of ${sent} packets lost (${packetsASecond}/s, ${outageMs} ms)`)
    expect(lost).toBe(0)
    expect(packetsASecond).toBeGreaterThan(PACKETS_A_SECOND / 2)
    expect(forwarding()).toEqual(before)
  }

  /** How often the first daemons said that their routes are complete. */
  const sweeps = () => one.process.tail(100_000).split('all routes are here').length

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'a daemon ends by %s and comes back',
    async (signal) => {
      await expectNoLoss(`a daemon ends by ${signal} and comes back`, async () => {
        const before = sweeps()
        await one.process.stop(signal)
        one = await fleet.startDaemon(one.host, [fleet.reflector], TIMERS)
        await bothUp()
        await fleet.lab.eventually(
          'the new daemon has removed what is left over',
          async () => {
            const now = sweeps()
            return now > before ? { value: now } : { seen: one.process.tail(2) }
          },
          60,
        )
      })
    },
    120_000,
  )

  test('the reflector is killed and comes back', async () => {
    await expectNoLoss('the reflector is killed and comes back', async () => {
      await reflector.stop('SIGKILL')
      for (const daemon of [one, two]) await session(fleet.lab, daemon, fleet.reflector.address, false)
      reflector = await startReflector(true)
      await bothUp()
    })
    await fleet.reaches(vm1, vm2)
  }, 120_000)
})
