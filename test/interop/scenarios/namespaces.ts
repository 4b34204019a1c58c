import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HOME } from '../../../src/home.ts'
import { LABS, Lab } from '../../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost } from '../../../src/lab/network.ts'
import type { LabProcess } from '../../../src/lab/process.ts'
import { parseMac } from '../../../src/values/mac.ts'
import { lastWords, type Runner } from './runner.ts'
import { nodeOf, type Scenario, type Stage } from './scenario.ts'

const path = ['bin', 'containers'].map((folder) => fileURLToPath(new URL(folder, HOME))).join(':')
const PATH = `PATH=${path}:${process.env['PATH']}:/usr/sbin:/sbin`
/** No node has it: the machine with the switch, from which the scenario is directed. */
const SWITCH = '10.77.0.254'

/** Plays scenarios in network namespaces of this machine: it takes root, and the programs installed. */
export const namespaces: Runner = {
  name: 'namespaces',
  async build(scenario) {
    const lab = new Lab()
    try {
      return { stage: await setUp(lab, scenario), close: async () => lab.close(), logs: () => logsOf(lab) }
    } catch (error) {
      lab.close()
      throw error
    }
  },
}

async function setUp(lab: Lab, scenario: Scenario): Promise<Stage> {
  // daemons that give up root read their files all the same
  for (const directory of [LABS, lab.directory]) chmodSync(directory, 0o711)
  const spaces = new Map<string, string>()
  const middle = await addReflector(lab, SWITCH, 'switch')
  const hosts = new Map<string, LabHost>()
  for (const [name, { address }] of Object.entries(scenario.nodes)) {
    const host = await addNode(lab, middle, name, address)
    mkdirSync(join(lab.directory, name))
    hosts.set(name, host)
    spaces.set(name, host.namespace)
  }
  for (const [name, { node, mac, addresses, gateways = [] }] of Object.entries(scenario.vms)) {
    const [first = '', ...more] = addresses
    const { namespace } = await addVm(lab, hosts.get(node)!, name, parseMac(mac)!, first)
    for (const address of more)
      await lab.exec(namespace, 'ip', 'addr', 'add', address, 'dev', 'eth0', 'nodad')
    for (const gateway of gateways) await lab.exec(namespace, 'ip', 'route', 'add', 'default', 'via', gateway)
    spaces.set(name, namespace)
  }
  return new NamespaceStage(lab, scenario, spaces)
}

class NamespaceStage implements Stage {
  readonly scenario: Scenario
  readonly flows = { lost: 0, sent: 0 }
  private readonly lab: Lab
  private readonly spaces: ReadonlyMap<string, string>
  private readonly running = new Map<string, LabProcess>()
  private starts = 0

  constructor(lab: Lab, scenario: Scenario, spaces: ReadonlyMap<string, string>) {
    this.lab = lab
    this.scenario = scenario
    this.spaces = spaces
  }

  get directory(): string {
    return this.lab.directory
  }

  on(machine: string, ...command: readonly string[]): Promise<string> {
    return this.lab.exec(this.spaces.get(machine)!, 'env', PATH, ...command)
  }

  by(node: string, ...command: readonly string[]): Promise<string> {
    return this.on(node, ...command)
  }

  async start(node: string): Promise<void> {
    const directory = join(this.directory, node)
    const daemon = nodeOf(this, node).daemon(directory)
    for (const [name, content] of Object.entries(daemon.files)) writeFileSync(join(directory, name), content)
    const variables = Object.entries(daemon.environment).map(([name, value]) => `${name}=${value}`)
    const words = ['env', PATH, ...variables, daemon.program, ...daemon.args(this.running.has(node))]
    this.running.set(node, this.lab.start(this.spaces.get(node)!, `${node}-${++this.starts}`, ...words))
    const look = async () => ({ value: await this.by(node, ...daemon.ready) })
    await this.eventually(`the daemon of ${node} answers`, look)
  }

  async stop(node: string, how: 'stopped' | 'killed'): Promise<void> {
    await this.running.get(node)!.stop(how === 'killed' ? 'SIGKILL' : 'SIGTERM')
  }

  eventually: Stage['eventually'] = (awaited, look, seconds) => this.lab.eventually(awaited, look, seconds)
}

async function logsOf(lab: Lab): Promise<string> {
  return lab.processes.map(({ name, logFile }) => lastWords(name, readFileSync(logFile, 'utf8'))).join('')
}
