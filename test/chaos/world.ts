import { startChanterReflector } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { startGobgp } from '../../src/lab/gobgp.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost, type Vm } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { AS, type ReflectorKind } from '../../src/lab/two-nodes.ts'
import type { Random } from '../sim/random.ts'
import { Agent, NETWORKS } from './agent.ts'
import { ChaosNode } from './node.ts'
import { PingFlow } from './ping-flow.ts'

const REFLECTOR = '10.77.0.1'
const VMS_A_NODE = 4
/** The network of the APIs, which no fault reaches. */
const MANAGEMENT = '10.78.0'

/** What the seed decides once. */
export interface Setting {
  readonly reflector: ReflectorKind
  readonly forwardingThreads: readonly boolean[]
}

export function drawSetting(random: Random): Setting {
  return {
    reflector: random.pick(['chanter', 'gobgp']),
    forwardingThreads: [random.chance(0.5), random.chance(0.5)],
  }
}

/** Two nodes behind a reflector, four VMs on each, an agent that attaches them, and packets between the first VM of each node. */
export class World {
  readonly lab: Lab
  readonly setting: Setting
  readonly reflectorHost: LabHost
  readonly nodes: readonly ChaosNode[]
  readonly agents: readonly Agent[]
  reflector: LabProcess | undefined
  #flow: PingFlow | undefined
  #crowd: string | undefined

  /** Builds it and starts everything. The lab is closed by the caller, also when this fails. */
  static async start(lab: Lab, setting: Setting): Promise<World> {
    const reflector = await addReflector(lab, REFLECTOR)
    await addManagement(reflector)
    const nodes: ChaosNode[] = []
    for (const [i, forwardingThread] of setting.forwardingThreads.entries()) {
      const number = i + 1
      const host = await addNode(lab, reflector, `node${number}`, `10.77.0.${10 + number}`)
      const api = await manage(reflector, host, number)
      const vms: Vm[] = []
      for (let n = 1; n <= VMS_A_NODE; n++) {
        const last = number * 10 + n
        vms.push(await addVm(lab, host, `vm${last}`, 0x020000000100 + last, `192.168.10.${last}/24`))
      }
      const options = { peer: REFLECTOR, forwardingThread, logToReader: number === 2 }
      nodes.push(new ChaosNode(lab, host, vms, api, options))
    }
    const world = new World(lab, setting, reflector, nodes)
    await world.startReflector()
    for (const node of nodes) await node.start()
    for (const agent of world.agents) {
      await agent.requestAgain()
      for (const [i, vm] of agent.node.vms.entries()) await agent.move(vm, NETWORKS[i < 2 ? 0 : 1] ?? null)
    }
    const [one, two] = nodes.map(({ vms }) => vms[0]!) as [Vm, Vm]
    world.#flow = new PingFlow(lab, one, two)
    return world
  }

  private constructor(lab: Lab, setting: Setting, reflector: LabHost, nodes: readonly ChaosNode[]) {
    this.lab = lab
    this.setting = setting
    this.reflectorHost = reflector
    this.nodes = nodes
    this.agents = nodes.map((node) => new Agent(node))
  }

  /** Packets between the first VMs of both nodes, which stay where they are. */
  get flow(): PingFlow {
    return this.#flow!
  }

  /** A spare namespace in which many links can come and go. */
  crowd(): string {
    this.#crowd ??= this.lab.addNamespace('crowd')
    return this.#crowd
  }

  /** GoBGP goes without graceful restart: with it, it holds back all changes after a restart until its timer of six minutes is over. */
  async startReflector(): Promise<void> {
    const hosts = this.nodes.map(({ host }) => host)
    this.reflector =
      this.setting.reflector === 'chanter'
        ? await startChanterReflector(this.lab, this.reflectorHost, AS)
        : await startGobgp(this.lab, this.reflectorHost, AS, hosts)
  }
}

async function addManagement({ namespace }: LabHost): Promise<void> {
  await run('ip', '-n', namespace, 'link', 'add', 'management', 'type', 'bridge', 'forward_delay', '0')
  await run('ip', '-n', namespace, 'addr', 'add', `${MANAGEMENT}.1/24`, 'dev', 'management')
  await run('ip', '-n', namespace, 'link', 'set', 'management', 'up')
}

/** Connects a node with the network of the APIs; returns its address there. */
async function manage({ namespace }: LabHost, node: LabHost, number: number): Promise<string> {
  const address = `${MANAGEMENT}.${10 + number}`
  const end = `manage-${number}`
  const peer = ['peer', 'name', 'manage', 'netns', node.namespace]
  await run('ip', '-n', namespace, 'link', 'add', end, 'type', 'veth', ...peer)
  await run('ip', '-n', namespace, 'link', 'set', end, 'master', 'management', 'up')
  await run('ip', '-n', node.namespace, 'addr', 'add', `${address}/24`, 'dev', 'manage')
  await run('ip', '-n', node.namespace, 'link', 'set', 'manage', 'up')
  return address
}
