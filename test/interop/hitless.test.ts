import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Daemon } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { startGobgp } from '../../src/lab/gobgp.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { Flow, type Outcome } from '../support/flow.ts'
import { Frr } from '../support/frr.ts'
import { attach, forwards, remoteEntries, session } from '../support/interop.ts'

const REFLECTOR = '10.77.0.1'
const VM1 = ['02:00:00:00:01:01 10.77.0.11', '00:00:00:00:00:00 10.77.0.11']
const VM2 = ['02:00:00:00:01:02 10.77.0.12', '00:00:00:00:00:00 10.77.0.12']
/** Short, so that a link that fails is noticed within the test. */
const TIMERS = { BGP: { hold_time: 3, connect_retry_time: 1 } }

/** FRR as the README has it: without graceful restart for EVPN. */
const KINDS = ['frr', 'gobgp with graceful restart', 'gobgp without', 'chanter'] as const

const FRR = `router bgp ${AS}
 bgp router-id ${REFLECTOR}
 no bgp default ipv4-unicast
 neighbor NODES peer-group
 neighbor NODES remote-as ${AS}
 bgp listen range 10.77.0.0/24 peer-group NODES
 address-family l2vpn evpn
  neighbor NODES activate
  neighbor NODES route-reflector-client
`

/** Makes a state file what the first release would have written. */
function makeOld(file: string): void {
  const [, body = ''] = readFileSync(file, 'utf8').split('\n')
  const state = JSON.parse(body) as { instances: { attachments: { sticky?: boolean }[] }[] }
  for (const { attachments } of state.instances)
    for (const attachment of attachments) delete attachment.sticky
  const old = JSON.stringify(state)
  const sha256 = createHash('sha256').update(old).digest('hex')
  writeFileSync(file, `${JSON.stringify({ format: 'chanter-state', version: 1, sha256 })}\n${old}\n`)
}

describe.each(KINDS)('reflector: %s', (kind) => {
  const keeps = kind === 'gobgp with graceful restart'
  let lab: Lab
  let network: TwoNodes
  let stopReflector: () => Promise<void>
  let one: Daemon
  let two: Daemon

  /** Starts the reflector; resolves to how it is killed. */
  async function startRr(restarted = false): Promise<() => Promise<void>> {
    if (kind === 'frr') {
      const frr = await Frr.start(lab, network.reflector, FRR)
      return () => frr.kill()
    }
    const clients = network.sites.map(({ host }) => host)
    const options = { gracefulRestart: keeps, restarted: restarted && keeps }
    const reflector =
      kind === 'chanter'
        ? await startReflector(lab, network, 'chanter')
        : await startGobgp(lab, network.reflector, AS, clients, options)
    return async () => void (await reflector.stop('SIGKILL'))
  }

  beforeAll(async () => {
    lab = new Lab()
    network = await buildTwoNodes(lab)
    stopReflector = await startRr()
    one = await startNode(lab, network, network.sites[0], TIMERS)
    two = await startNode(lab, network, network.sites[1], TIMERS)
    await session(lab, one, REFLECTOR, true)
    await session(lab, two, REFLECTOR, true)
    await attach(one, network.sites[0].vm)
    await attach(two, network.sites[1].vm)
    await forwards(lab, one.host, VM2)
    await forwards(lab, two.host, VM1)
  })

  afterAll(() => lab.close())

  /** Does something while packets flow both ways, and tells what became of them. */
  async function during(what: string, happens: () => Promise<void>): Promise<Outcome[]> {
    const [{ vm: vm1 }, { vm: vm2 }] = network.sites
    const flows = await Promise.all([Flow.start(lab, vm1, vm2), Flow.start(lab, vm2, vm1)])
    await happens()
    const outcomes = await Promise.all(flows.map((flow) => flow.stop()))
    for (const { sent, lost, outageMs, packetsASecond } of outcomes) {
      console.log(`${kind}: ${what}: ${lost} of ${sent} packets lost (${packetsASecond}/s, ${outageMs} ms)`)
    }
    return outcomes
  }

  async function expectNoLoss(what: string, happens: () => Promise<void>): Promise<void> {
    for (const { lost, packetsASecond } of await during(what, happens)) {
      expect(lost).toBe(0)
      expect(packetsASecond).toBeGreaterThan(1000)
    }
    expect(await remoteEntries(one.host)).toEqual([...VM2].sort())
    expect(await remoteEntries(two.host)).toEqual([...VM1].sort())
  }

  const settle = async () => {
    await session(lab, one, REFLECTOR, true, 60)
    await session(lab, two, REFLECTOR, true, 60)
    await forwards(lab, one.host, VM2, 60)
    await forwards(lab, two.host, VM1, 60)
  }

  test.each([
    ['ends by SIGTERM', 'SIGTERM', false],
    ['ends by SIGKILL', 'SIGKILL', false],
    ['is upgraded from the first release', 'SIGTERM', true],
  ] as const)('a daemon %s and comes back', async (what, signal, upgraded) => {
    await expectNoLoss(`a daemon ${what} and comes back`, async () => {
      const before = sweeps()
      await one.process.stop(signal)
      if (upgraded) makeOld(join(lab.directory, `${one.host.name}.state`))
      one = await startNode(lab, network, network.sites[0], TIMERS)
      await settle()
      await lab.eventually(
        'the new daemon has removed what is left over',
        async () => {
          const now = sweeps()
          return now > before ? { value: now } : { seen: one.process.tail(2) }
        },
        60,
      )
    })
  })

  /** How often the first node's daemons said that their routes are complete. */
  const sweeps = () => one.process.tail(100_000).split('all routes are here').length

  test('the reflector is killed and comes back', async () => {
    await expectNoLoss('the reflector is killed and comes back', async () => {
      await stopReflector()
      await session(lab, one, REFLECTOR, false)
      await session(lab, two, REFLECTOR, false)
      stopReflector = await startRr(true)
      await settle()
    })
  })

  test('the link to the reflector flaps', async () => {
    const at = ['-n', network.reflector.namespace, 'addr']
    await expectNoLoss('the link to the reflector flaps', async () => {
      await run('ip', ...at, 'del', `${REFLECTOR}/24`, 'dev', 'underlay')
      await lab.eventually('both nodes have noticed', async () => {
        const states = await Promise.all(
          network.sites.map(({ host }) =>
            lab.exec(host.namespace, 'ss', '-Hnt', 'state', 'established', 'dport', '=', ':179'),
          ),
        )
        return states.every((state) => state === '') ? { value: true } : { seen: states.join() }
      })
      await run('ip', ...at, 'add', `${REFLECTOR}/24`, 'dev', 'underlay')
      await settle()
    })
  })
})
