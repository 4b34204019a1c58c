import { expect } from 'vitest'
import { HEADLESS_SETTLE_MS } from '../../src/bgp/rib/stale-routes.ts'
import { fetchJson } from '../../src/client.ts'
import { LOG_LINES } from '../../src/events/log-lines.ts'
import { type LabDaemon, startChanter, startChanterReflector } from '../../src/lab/chanter.ts'
import { PATIENCE_SECONDS } from '../../src/lab/eventually.ts'
import { startGobgp } from '../../src/lab/gobgp.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, type LabHost } from '../../src/lab/network.ts'
import { AS, buildTwoNodes, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { Flow, lossText } from '../support/flow.ts'
import { Frr } from '../support/frr.ts'
import { frrReflector } from '../support/frr-config.ts'
import { attach, forwards, remoteEntries, session } from '../support/interop.ts'

/** FRR as the README has it: without graceful restart for EVPN. */
export type ReflectorKind = 'frr' | 'gobgp with graceful restart' | 'gobgp without' | 'chanter'

const VM1 = ['02:00:00:00:01:01 10.77.0.11', '00:00:00:00:00:00 10.77.0.11']
const VM2 = ['02:00:00:00:01:02 10.77.0.12', '00:00:00:00:00:00 10.77.0.12']
/** What a daemon logs when it removes what is left of an earlier one. */
const CONVERGED = LOG_LINES['initial-convergence'].message
const SECOND_REFLECTOR = '10.77.0.2'
/** Short, so that a link that fails is noticed within the test. */
const TIMERS = { hold_time: 3, connect_retry_time: 1 }
/** Fewer would miss a short outage; a busy machine sends fewer than the flow would. */
const PACKETS_A_SECOND = 100
/** A little more than it takes a reflector to be relied on, and stale routes to go. */
const STALE_SECONDS = HEADLESS_SETTLE_MS / 1000 + PATIENCE_SECONDS

interface ShownStatus {
  readonly routes: { readonly state: string }
  readonly vanished: readonly unknown[]
}

interface Reflector {
  readonly host: LabHost
  readonly kind: ReflectorKind
  kill: () => Promise<void>
}

/** Two nodes with a VM each behind one or two reflectors, and packets between the VMs. */
export class HitlessNetwork {
  readonly lab: Lab
  readonly network: TwoNodes
  readonly reflectors: readonly Reflector[]
  /** One on each node. */
  readonly daemons: LabDaemon[] = []

  static async start(kinds: readonly ReflectorKind[]): Promise<HitlessNetwork> {
    const lab = new Lab()
    const network = await buildTwoNodes(lab)
    const hosts = [network.reflector]
    if (kinds.length > 1) hosts.push(await addNode(lab, network.reflector, 'rr2', SECOND_REFLECTOR))
    const reflectors = kinds.map((kind, i) => ({ kind, host: hosts[i]!, kill: async () => {} }))
    const started = new HitlessNetwork(lab, network, reflectors)
    for (const i of kinds.keys()) await started.startReflector(i)
    for (const node of [0, 1]) await started.startDaemon(node)
    await started.sessions(true)
    for (const [i, { vm }] of network.sites.entries()) await attach(started.daemons[i]!, vm)
    await started.forwardsAll()
    return started
  }

  private constructor(lab: Lab, network: TwoNodes, reflectors: readonly Reflector[]) {
    this.lab = lab
    this.network = network
    this.reflectors = reflectors
  }

  close(): void {
    this.lab.close()
  }

  async startDaemon(node: number): Promise<void> {
    const peers = this.reflectors.map(({ host }) => host.address).join(',')
    this.daemons[node] = await startChanter(this.lab, this.network.sites[node]!.host, {
      BGP: { peers, my_as: AS, ...TIMERS },
    })
  }

  /** `restarted`: it was here before. */
  async startReflector(i: number, restarted = false): Promise<void> {
    const reflector = this.reflectors[i]!
    const { kind, host } = reflector
    if (kind === 'frr') {
      const frr = await Frr.start(this.lab, host, frrReflector(host.address))
      reflector.kill = () => frr.kill()
      return
    }
    const clients = this.network.sites.map((site) => site.host)
    const gracefulRestart = kind === 'gobgp with graceful restart'
    const process =
      kind === 'chanter'
        ? await startChanterReflector(this.lab, host, AS)
        : await startGobgp(this.lab, host, AS, clients, {
            gracefulRestart,
            restarted: restarted && gracefulRestart,
          })
    reflector.kill = async () => void (await process.stop('SIGKILL'))
  }

  /** Kills a reflector; resolves when both nodes have noticed. */
  async killReflector(i: number): Promise<void> {
    const { kill, host } = this.reflectors[i]!
    await kill()
    await this.sessionsWith(host, false)
  }

  /** Waits until all sessions are up, or down. */
  async sessions(up: boolean): Promise<void> {
    for (const { host } of this.reflectors) await this.sessionsWith(host, up)
  }

  async sessionsWith({ address }: LabHost, up: boolean): Promise<void> {
    for (const daemon of this.daemons) await session(this.lab, daemon, address, up)
  }

  /** Waits until both nodes send to each other and nowhere else. */
  async forwardsAll(): Promise<void> {
    const [one, two] = this.network.sites
    await forwards(this.lab, one.host, VM2)
    await forwards(this.lab, two.host, VM1)
  }

  async settle(): Promise<void> {
    await this.sessions(true)
    await this.forwardsAll()
  }

  /** Waits until no route of a peer is stale, and no node is taken for vanished. */
  async nothingStale(): Promise<void> {
    for (const { api, host } of this.daemons)
      await this.lab.eventually(
        `no route is stale on ${host.name}`,
        async () => {
          const { routes, vanished } = await fetchJson<ShownStatus>(api, '/status')
          const isCalm = routes.state === 'complete' && vanished.length === 0
          return isCalm ? { value: true } : { seen: JSON.stringify({ routes, vanished }) }
        },
        STALE_SECONDS,
      )
  }

  /** Waits until all reflectors have been up for as long as it takes to be relied on. */
  async reliable(): Promise<void> {
    const since = performance.now()
    await this.lab.eventually(
      'the reflectors are relied on',
      async () => {
        const seconds = (performance.now() - since) / 1000
        return seconds > HEADLESS_SETTLE_MS / 1000 + 20 ? { value: seconds } : { seen: `up for ${seconds} s` }
      },
      STALE_SECONDS,
    )
  }

  /** Ends a daemon and starts it again; resolves when the new one has swept stale entries. */
  async restartDaemon(node: number, signal: 'SIGTERM' | 'SIGKILL', meanwhile = () => {}): Promise<void> {
    const before = this.sweeps(node)
    await this.daemons[node]!.process.stop(signal)
    meanwhile()
    await this.startDaemon(node)
    await this.settle()
    await this.lab.eventually('the new daemon has removed the stale entries', async () => {
      const now = this.sweeps(node)
      return now > before ? { value: now } : { seen: this.daemons[node]!.process.tail(2) }
    })
  }

  /** Does something while packets flow in both directions: none may be lost. */
  async expectNoLoss(what: string, happens: () => Promise<void>): Promise<void> {
    const [{ vm: vm1, host: one }, { vm: vm2, host: two }] = this.network.sites
    const flows = await Promise.all([Flow.start(this.lab, vm1, vm2), Flow.start(this.lab, vm2, vm1)])
    try {
      await happens()
    } catch (error) {
      for (const flow of flows) flow.close()
      throw error
    }
    const ended = await Promise.all(flows.map((flow) => flow.stop()))
    const kinds = this.reflectors.map(({ kind }) => kind).join(' + ')
    for (const { thereAndBack } of ended) console.log(`${kinds}: ${what}: ${lossText(thereAndBack)}`)
    for (const { thereAndBack } of ended) {
      expect(thereAndBack.lost).toBe(0)
      expect(thereAndBack.packetsASecond).toBeGreaterThan(PACKETS_A_SECOND)
    }
    expect(await remoteEntries(one)).toEqual([...VM2].sort())
    expect(await remoteEntries(two)).toEqual([...VM1].sort())
  }

  /** How often the daemons of a node logged initial convergence. */
  private sweeps(node: number): number {
    return this.daemons[node]!.process.tail(100_000).split(CONVERGED).length
  }
}
