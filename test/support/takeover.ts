import { request } from '../../src/client.ts'
import { type DaemonSettings, type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { startGobgp } from '../../src/lab/gobgp.ts'
import { Lab } from '../../src/lab/lab.ts'
import type { LabHost, Vm } from '../../src/lab/network.ts'
import { AS, buildTwoNodes, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { sessionState } from '../../src/lab/views.ts'
import { startBagpipe } from './bagpipe.ts'
import { Flow, type Outcomes } from './flow.ts'
import { monotonicMs } from './flow-account.ts'
import { attachmentOf, ping, session } from './interop.ts'

/** The bridge of an agent that sends `linuxbr`. */
export const AGENT_BRIDGE = 'brq0a1b2c3d'
/** An id whose first 8 characters are all that bagpipe-bgp's names have of it. */
const UUID = '3f2a9c1e-6d0b-4c58-9b1e-0a7d5c2f4e61'

export const NETWORKS = {
  'id of its own': { vpn_instance_id: 'net1' },
  UUID: { vpn_instance_id: UUID },
  linuxbr: { vpn_instance_id: UUID, linuxbr: AGENT_BRIDGE },
} as const satisfies Record<string, Record<string, string>>

export type NetworkName = keyof typeof NETWORKS
/** The daemon of the other node. */
export const OTHER_DAEMONS = ['bagpipe-bgp', 'chanter'] as const
export type OtherDaemon = (typeof OTHER_DAEMONS)[number]
export const SIGNALS = ['SIGTERM', 'SIGKILL'] as const

/** What a swap of the daemons cost; times are from the answer to the attach. */
export interface Swap {
  readonly flow: Outcomes
  /** From the signal to the end of bagpipe-bgp. */
  readonly stoppingMs: number
  /** From then to the answer to the attach. */
  readonly attachedMs: number
  /** From that to the end of the last outage; negative where packets arrived before it. */
  readonly recoveredMs: number
  /** From that to the session with the reflector. */
  readonly establishedMs: number
}

/** Two nodes with a VM each, and GoBGP as their reflector. The first node changes its daemon; the other keeps it. */
export class Takeover {
  readonly lab: Lab
  readonly network: TwoNodes
  private readonly parameters: Readonly<Record<string, string>>
  /** Of both nodes. */
  private readonly daemons: LabDaemon[] = []

  static async start(name: NetworkName, other: OtherDaemon = 'bagpipe-bgp'): Promise<Takeover> {
    const lab = new Lab()
    const one = new Takeover(lab, await buildTwoNodes(lab), NETWORKS[name])
    const { reflector, sites } = one.network
    const hosts = sites.map(({ host }) => host)
    await startGobgp(lab, reflector, AS, hosts)
    if ('linuxbr' in NETWORKS[name]) for (const { host, vm } of sites) await one.putInBridge(host, vm)
    const bagpipe = (host: LabHost) => startBagpipe(lab, host, reflector.address, AS, { evpn: 'linux' })
    const chanter = (host: LabHost) => startChanter(lab, host, one.settings)
    const second = other === 'chanter' ? chanter : bagpipe
    one.daemons.push(...(await Promise.all([bagpipe(sites[0].host), second(sites[1].host)])))
    await Promise.all([one.settle(0), one.settle(1)])
    await ping(lab, sites[0].vm, sites[1].vm)
    return one
  }

  private constructor(lab: Lab, network: TwoNodes, parameters: Readonly<Record<string, string>>) {
    this.lab = lab
    this.network = network
    this.parameters = parameters
  }

  close(): void {
    this.lab.close()
  }

  private get settings(): DaemonSettings {
    return { BGP: { peers: this.network.reflector.address, my_as: AS } }
  }

  /** The first node's daemon. */
  get daemon(): LabDaemon {
    return this.daemons[0]!
  }

  get host(): LabHost {
    return this.network.sites[0].host
  }

  /** Ends the first node's daemon. */
  async stop(signal: (typeof SIGNALS)[number]): Promise<void> {
    await this.daemon.process.stop(signal)
  }

  async startChanter(): Promise<LabDaemon> {
    this.daemons[0] = await startChanter(this.lab, this.host, this.settings)
    return this.daemon
  }

  async startBagpipe(): Promise<LabDaemon> {
    this.daemons[0] = await startBagpipe(this.lab, this.host, this.network.reflector.address, AS, {
      evpn: 'linux',
    })
    return this.daemon
  }

  /** Attaches a node's VM as its agent does; throws the answer unless it is 200. */
  async attach(node = 0, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.post('attach', node, changes)
  }

  async detach(node = 0): Promise<void> {
    await this.post('detach', node)
  }

  /** Waits for the node's session, then attaches its VM. */
  async settle(node = 0): Promise<void> {
    await session(this.lab, this.daemons[node]!, this.network.reflector.address, true)
    await this.attach(node)
  }

  /** Ends bagpipe-bgp on the first node while packets flow from the other VM, and has chanter take over. */
  async swap(signal: (typeof SIGNALS)[number]): Promise<Swap> {
    const [one, two] = this.network.sites
    const flow = await Flow.start(this.lab, two.vm, one.vm, 1000)
    const begun = monotonicMs()
    await this.stop(signal)
    const stopped = monotonicMs()
    await this.startChanter()
    await this.attach()
    const attached = monotonicMs()
    const reflector = this.network.reflector.address
    const established = await this.lab.eventually('the session is established', async () => {
      const state = await sessionState(this.daemon.api, reflector)
      return state === 'Established' ? { value: monotonicMs() } : { seen: `${state}` }
    })
    await ping(this.lab, two.vm, one.vm)
    const outcomes = await flow.stop()
    const end = outcomes.thereAndBack.losses.at(-1)?.untilMs ?? stopped
    return {
      flow: outcomes,
      stoppingMs: Math.round(stopped - begun),
      attachedMs: Math.round(attached - stopped),
      recoveredMs: Math.round(end - attached),
      establishedMs: Math.round(established - attached),
    }
  }

  private async post(
    verb: 'attach' | 'detach',
    node: number,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const body = { ...attachmentOf(this.network.sites[node]!.vm), ...this.parameters, ...changes }
    const { status, body: answer } = await request(this.daemons[node]!.api, `/${verb}_localport`, body)
    if (status !== 200) throw new Error(`${verb}: ${status} ${answer}`)
  }

  /** Puts a VM into the bridge of its node's agent. */
  private async putInBridge({ namespace }: LabHost, { port }: Vm): Promise<void> {
    const ip = (...words: string[]) => this.lab.exec(namespace, 'ip', 'link', ...words)
    await ip('add', AGENT_BRIDGE, 'type', 'bridge', 'forward_delay', '0')
    await ip('set', AGENT_BRIDGE, 'up')
    await ip('set', port, 'master', AGENT_BRIDGE)
  }
}
