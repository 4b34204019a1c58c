import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { variableOf } from '../../../src/config/environment.ts'
import { eventually } from '../../../src/lab/eventually.ts'
import { ContainerLab } from './container-lab.ts'
import type { Engine } from './engine.ts'
import type { Built, Runner } from './runner.ts'
import { type Daemon, nodeOf, type Scenario, type Stage } from './scenario.ts'

/** Names of the images, and how each is built. */
export const IMAGES = {
  chanter: { tag: 'localhost/chanter', options: {} },
  vm: { tag: 'localhost/chanter-vm', options: { folder: 'containers', target: 'vm' } },
  gobgp: { tag: 'localhost/chanter-gobgp', options: { folder: 'containers', target: 'gobgp' } },
  frr: { tag: 'localhost/chanter-frr', options: { folder: 'containers', target: 'frr' } },
  bagpipe: { tag: 'localhost/chanter-bagpipe', options: { folder: 'containers', target: 'bagpipe' } },
} as const
export type ImageName = keyof typeof IMAGES

/** The images that scenarios need. */
export function imagesOf(scenarios: readonly Scenario[]): ImageName[] {
  const daemons = scenarios.flatMap(({ nodes }) => Object.values(nodes).map((node) => node.daemon('').image))
  return [...new Set<ImageName>(['chanter', 'vm', ...daemons])]
}

/** The peers are of the Debian release that PEERS_BASE is an image of; by default of chanter's. */
export async function buildImages(engine: Engine, names: readonly ImageName[]): Promise<void> {
  const base = engine.base()
  for (const name of names) {
    const { tag, options } = IMAGES[name]
    const isPeer = 'folder' in options
    await engine.build(tag, (isPeer && process.env['PEERS_BASE']) || base, options)
  }
}

/** What chanter's container may do, proven by test/containers/image.test.ts, and what the others' need. */
export const PRIVILEGES: Readonly<Record<Daemon['image'], readonly string[]>> = {
  chanter: [...['--read-only', '--cap-drop', 'ALL'], ...capabilities('NET_ADMIN', 'NET_BIND_SERVICE', 'BPF')],
  gobgp: [],
  frr: capabilities('NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'),
  bagpipe: capabilities('NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'),
}

function capabilities(...names: readonly string[]): string[] {
  return names.flatMap((name) => ['--cap-add', name])
}

/**
 * Plays scenarios in containers. A node is a container that holds the network of a machine, as the host does for real; its daemon and its VMs
 * are containers that share it, so that the network outlives the daemon.
 */
export function containers(engine: Engine): Runner {
  return {
    name: engine.name,
    async build(scenario) {
      const lab = new ContainerLab(engine)
      try {
        const stage = await setUp(lab, scenario)
        return { stage, close: async () => lab.close(), logs: () => lab.lastWords() } satisfies Built
      } catch (error) {
        lab.close()
        throw error
      }
    },
  }
}

async function setUp(lab: ContainerLab, scenario: Scenario): Promise<Stage> {
  await lab.addNetwork()
  const { tag } = IMAGES.vm
  for (const [name, { address }] of Object.entries(scenario.nodes)) {
    const options = ['--network', lab.name, '--ip', address, ...capabilities('NET_ADMIN', 'NET_RAW')]
    await lab.start(name, [...options, '--entrypoint', 'sleep', tag, 'infinity'])
    mkdirSync(join(lab.directory, name))
    // daemons are users that this machine does not know
    chmodSync(join(lab.directory, name), 0o777)
  }
  for (const [name, { node, mac, addresses, gateways = [] }] of Object.entries(scenario.vms)) {
    const routes = gateways.map((gateway) => `default via ${gateway}`)
    const options = [...capabilities('NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'), ...lab.sharing(node)]
    await lab.start(name, [...options, tag, 'run', name, mac, addresses.join(','), ...routes])
  }
  const stage = new ContainerStage(lab, scenario)
  for (const name of Object.keys(scenario.vms))
    await stage.eventually(`${name} runs`, async () => ({ value: await stage.on(name, 'true') }))
  return stage
}

class ContainerStage implements Stage {
  readonly scenario: Scenario
  readonly flows = { lost: 0, sent: 0 }
  private readonly lab: ContainerLab
  private readonly ran = new Set<string>()

  constructor(lab: ContainerLab, scenario: Scenario) {
    this.lab = lab
    this.scenario = scenario
  }

  get directory(): string {
    return this.lab.directory
  }

  on(machine: string, ...command: readonly string[]): Promise<string> {
    const inVm = machine in this.scenario.vms ? ['vm', 'exec'] : []
    return this.lab.exec(machine, ...inVm, ...command)
  }

  by(node: string, ...command: readonly string[]): Promise<string> {
    return this.lab.exec(`${node}-daemon`, ...command)
  }

  async start(node: string): Promise<void> {
    const directory = join(this.directory, node)
    const { image, environment, files, args, ready } = nodeOf(this, node).daemon(directory)
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
    const variables = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const bpf = image === 'chanter' ? this.lab.engine.bpfOptions : []
    // VRFs need settings below /proc/sys, which is read-only in other containers
    const inVrfs = environment[variableOf('DATAPLANE_DRIVER_IPVPN', 'dataplane_driver')] === 'linux'
    const sysctls = inVrfs ? this.lab.engine.sysctlOptions : []
    const options = [...this.lab.sharing(node), ...PRIVILEGES[image], ...bpf, ...sysctls, ...variables]
    const restarted = this.ran.has(node)
    await this.lab.start(`${node}-daemon`, [...options, IMAGES[image].tag, ...args(restarted)])
    this.ran.add(node)
    const look = async () => ({ value: await this.by(node, ...ready) })
    await this.eventually(`the daemon of ${node} answers`, look)
  }

  async stop(node: string, how: 'stopped' | 'killed'): Promise<void> {
    const role = `${node}-daemon`
    await this.lab.engine.run(how === 'killed' ? 'kill' : 'stop', this.lab.nameOf(role))
    await this.lab.remove(role)
  }

  eventually: Stage['eventually'] = (awaited, look, seconds) => eventually(awaited, look, seconds)
}
