import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { variableOf } from '../../../src/config/environment.ts'
import { eventually } from '../../../src/lab/eventually.ts'
import type { Engine } from './engine.ts'
import { type Built, lastWords, type Runner } from './runner.ts'
import { type Daemon, nodeOf, type Scenario, type Stage } from './scenario.ts'

const SUBNET = '10.77.0.0/24'
/** The host's address on the network; no node has it. */
const GATEWAY = '10.77.0.254'
const LABEL = 'chanter-scenario'
const START_SECONDS = 30
const FORWARDING = '/proc/sys/net/ipv4/ip_forward'

/** Names of the images, and how each is built. */
export const IMAGES = {
  chanter: { tag: 'localhost/chanter', options: {} },
  vm: { tag: 'localhost/chanter-vm', options: { folder: 'containers', target: 'vm' } },
  gobgp: { tag: 'localhost/chanter-gobgp', options: { folder: 'containers', target: 'gobgp' } },
  frr: { tag: 'localhost/chanter-frr', options: { folder: 'containers', target: 'frr' } },
} as const

/** The peers are of the Debian release that PEERS_BASE is an image of; by default of chanter's. */
export async function buildImages(engine: Engine): Promise<void> {
  const base = engine.base()
  for (const { tag, options } of Object.values(IMAGES)) {
    const isPeer = 'folder' in options
    await engine.build(tag, (isPeer && process.env['PEERS_BASE']) || base, options)
  }
}

/** What chanter's container may do, proven by test/containers/image.test.ts, and what the others' need. */
export const PRIVILEGES: Readonly<Record<Daemon['image'], readonly string[]>> = {
  chanter: [...['--read-only', '--cap-drop', 'ALL'], ...capabilities('NET_ADMIN', 'NET_BIND_SERVICE', 'BPF')],
  gobgp: [],
  frr: capabilities('NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'),
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
        return { stage, close: async () => lab.close(), logs: () => lab.logs() } satisfies Built
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

/** Containers and their network under names of their own; all end with `close`, with this process, or with Ctrl-C. */
class ContainerLab {
  readonly engine: Engine
  readonly name = `chanter-${process.pid}`
  readonly directory = mkdtempSync(join(tmpdir(), 'chanter-'))
  /** Containers that hold a network, and those that share it. */
  private readonly holders: string[] = []
  private readonly sharers: string[] = []
  /** What it was before podman's network plugin switched it on. */
  private forwarding: string | undefined
  private closed = false

  constructor(engine: Engine) {
    this.engine = engine
    chmodSync(this.directory, 0o755)
    process.once('exit', this.close).once('SIGINT', this.onSignal).once('SIGTERM', this.onSignal)
  }

  nameOf(role: string): string {
    return `${this.name}-${role}`
  }

  /** What makes a container share the network of a node. */
  sharing(node: string): string[] {
    return ['--network', `container:${this.nameOf(node)}`]
  }

  async addNetwork(): Promise<void> {
    const options = ['--label', LABEL, '--internal', '--subnet', SUBNET, '--gateway', GATEWAY]
    this.forwarding = readFileSync(FORWARDING, 'utf8')
    const dns = this.engine.name === 'podman' ? ['--disable-dns'] : []
    await this.engine.run('network', 'create', ...options, ...dns, this.name)
  }

  async start(role: string, words: readonly string[]): Promise<void> {
    const name = this.nameOf(role)
    const isSharer = words.some((word) => word.startsWith('container:'))
    ;(isSharer ? this.sharers : this.holders).push(name)
    const options = ['-d', '--name', name, '--label', LABEL, '-v', `${this.directory}:${this.directory}`]
    await this.engine.run('run', ...options, ...this.engine.runOptions, ...words)
  }

  async remove(role: string): Promise<void> {
    await this.engine.run('rm', '-f', '-v', this.nameOf(role))
    this.sharers.splice(this.sharers.indexOf(this.nameOf(role)), 1)
  }

  async logs(): Promise<string> {
    const daemons = this.sharers.filter((name) => name.endsWith('-daemon'))
    const logs = await Promise.all(
      daemons.map(async (name) => lastWords(name, await this.engine.run('logs', name))),
    )
    return logs.join('')
  }

  /** Not asynchronous, so that it works while the process ends. */
  close = (): void => {
    if (this.closed) return
    this.closed = true
    process.off('exit', this.close).off('SIGINT', this.onSignal).off('SIGTERM', this.onSignal)
    for (const names of [this.sharers, this.holders]) this.end('rm', '-f', '-v', '-t', '0', ...names)
    this.end('network', 'rm', this.name)
    if (this.forwarding?.trim() === '0' && process.getuid?.() === 0) writeFileSync(FORWARDING, '0')
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** What could not be made cannot be removed either: it is tried, and the rest goes on. */
  private end(...words: readonly string[]): void {
    try {
      this.engine.runSync(...words)
    } catch (error) {
      process.stderr.write(`not removed: ${(error as Error).message}\n`)
    }
  }

  private onSignal = (signal: NodeJS.Signals): void => {
    this.close()
    process.exit(128 + constants.signals[signal])
  }
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
    return this.lab.engine.run('exec', this.lab.nameOf(machine), ...inVm, ...command)
  }

  by(node: string, ...command: readonly string[]): Promise<string> {
    return this.lab.engine.run('exec', this.lab.nameOf(`${node}-daemon`), ...command)
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
    await this.eventually(`the daemon of ${node} answers`, look, START_SECONDS)
  }

  async stop(node: string, how: 'stopped' | 'killed'): Promise<void> {
    const role = `${node}-daemon`
    await this.lab.engine.run(how === 'killed' ? 'kill' : 'stop', this.lab.nameOf(role))
    await this.lab.remove(role)
  }

  eventually: Stage['eventually'] = (awaited, look, seconds) => eventually(awaited, look, seconds)
}
