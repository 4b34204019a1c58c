import { readFileSync } from 'node:fs'
import { run } from '../../src/lab/command.ts'
import type { Vm } from '../../src/lab/network.ts'
import { formatMac } from '../../src/values/mac.ts'
import { decodeState } from '../support/state.ts'
import { type Agent, NETWORKS } from './agent.ts'
import { addressOf, heldBy, type Templates, templatesOf, wantedOf } from './kernel.ts'
import type { World } from './world.ts'

/** More descriptors than at the start are a leak; some come and go with connections of the API. */
const SPARE_FILES = 8
const MOST_MIB = 400
/** True: we change the same entries again and again. */
const REPEATED = /changed by other programs again and again/
const MOST_SHOWN = 20
/** What a node has of another one, which it keeps until it knows for sure that it is to go: a reflector that has restarted may take minutes. */
const REMOTE = /^extra: (mac .* on vxlan|neighbour )/

/** Knows the state before the faults, and returns the differences. */
export class Oracle {
  readonly #world: World
  readonly #templates: readonly Templates[]
  readonly #files = new Map<number, readonly string[]>()

  static async start(world: World): Promise<Oracle> {
    await world.lab.eventually('both nodes forward', async () => {
      const wrong = await wrongPackets(world)
      return wrong.length === 0 ? { value: true } : { seen: wrong.join('; ') }
    })
    const templates = await Promise.all(world.agents.map((agent) => templatesOf(agent, NETWORKS[0]!)))
    return new Oracle(world, templates)
  }

  private constructor(world: World, templates: readonly Templates[]) {
    this.#world = world
    this.#templates = templates
  }

  /** Waits until kernel, packets, status and state file are as the agents want it; throws what differs. Resolves to what differed last. */
  async expectRight(): Promise<string> {
    let last = ''
    await this.#world.lab.eventually('all is as the agents want it', async () => {
      for (const look of [this.#kernels, this.#status, this.#states, this.#packets, this.#verified]) {
        const wrong = await look()
        if (wrong.length === 0) continue
        last = wrong[0] ?? ''
        return { seen: `\n    ${wrong.slice(0, MOST_SHOWN).join('\n    ')}` }
      }
      return { value: true }
    })
    return last
  }

  /** Resources that the daemons should have released. */
  leaks(): string[] {
    return this.#world.nodes.flatMap((node) => {
      const files = node.files().sort()
      const before = this.#files.get(node.pid)
      if (before === undefined) this.#files.set(node.pid, files)
      const mib = node.residentMib()
      return [
        ...(before !== undefined && files.length > before.length + SPARE_FILES
          ? [`${node.name} has ${files.length} files open after ${before.length}: ${surplus(files, before)}`]
          : []),
        ...(mib > MOST_MIB ? [`${node.name} holds ${mib} MiB`] : []),
      ]
    })
  }

  #kernels = async (): Promise<string[]> => {
    const { agents } = this.#world
    const wrong = await Promise.all(
      agents.map(async (agent, i) => {
        const others = agents.filter((other) => other !== agent)
        const wanted = wantedOf(agent, others, this.#templates[i]!)
        const wrong = differences(wanted, await heldBy(agent.node))
        const { routes, vanished } = await agent.node.status()
        const isKnown = routes.state === 'complete' && vanished.length === 0
        const rest = isKnown ? wrong : wrong.filter((line) => !REMOTE.test(line))
        return rest.map((line) => `${agent.node.name}: ${line}`)
      }),
    )
    return wrong.flat()
  }

  #status = async (): Promise<string[]> => {
    const all = await Promise.all(
      this.#world.nodes.map(async (node) => {
        const { ok, problems } = await node.status()
        if (ok !== (problems.length === 0))
          return [`${node.name}: ok is ${ok} with ${problems.length} problems`]
        return problems
          .filter((problem) => !REPEATED.test(problem))
          .map((problem) => `${node.name} says: ${problem}`)
      }),
    )
    return all.flat()
  }

  #verified = async (): Promise<string[]> => {
    const all = await Promise.all(
      this.#world.nodes.map(async (node) => {
        const { faults } = await node.verify()
        return faults.map(({ fault, entry }) => `${node.name} finds ${fault}: ${entry}`)
      }),
    )
    return all.flat()
  }

  #states = async (): Promise<string[]> => this.#world.agents.flatMap(wrongState)

  #packets = (): Promise<string[]> => wrongPackets(this.#world)
}

/** Attachments in the state file that the agent did not make, and the reverse. */
function wrongState(agent: Agent): string[] {
  const { name, stateFile, vms } = agent.node
  const { pending, instances } = decodeState(readFileSync(stateFile, 'utf8'))
  const attached = vms.flatMap((vm) => {
    const network = agent.wanted.get(vm)
    return network ? [`${network.id} ${vm.port} ${formatMac(vm.mac)}`] : []
  })
  const kept = instances.flatMap(({ id, attachments }) =>
    attachments.map(({ port, mac }) => `${id} ${port} ${formatMac(mac)}`),
  )
  const labels = instances.flatMap(({ attachments }) => attachments.map(({ label }) => label))
  return [
    ...differences(attached.sort(), kept.sort()).map((line) => `${name}: state file: ${line}`),
    ...(new Set(labels).size < labels.length ? [`${name}: one label twice: ${labels.join(' ')}`] : []),
    ...(pending.length > 0 ? [`${name}: the state file still has work: ${JSON.stringify(pending)}`] : []),
  ]
}

/** Pairs of VMs on different nodes that do not reach each other and should, or the reverse. */
async function wrongPackets({ agents: [one, two] }: World): Promise<string[]> {
  const wrong = await Promise.all(
    one!.node.vms.map(async (vm) => {
      const network = one!.wanted.get(vm) ?? null
      if (network === null) return []
      const [same, others] = [true, false].map((is) =>
        two!.node.vms.filter((other) => (two!.wanted.get(other) === network) === is),
      ) as [Vm[], Vm[]]
      const reached = new Set([...(await reachedBy(vm, same, 1)), ...(await reachedBy(vm, others, 0.2))])
      return two!.node.vms.flatMap((other) => {
        const should = two!.wanted.get(other) === network
        if (reached.has(other) === should) return []
        return [`${vm.name} ${should ? 'does not reach' : 'reaches'} ${other.name}`]
      })
    }),
  )
  return wrong.flat()
}

async function reachedBy(vm: Vm, others: readonly Vm[], seconds: number): Promise<Set<Vm>> {
  const pings = others.map((other) => `ping -c1 -W${seconds} -n ${addressOf(other)} | grep 'bytes from' &`)
  const attached = await run('ip', 'netns', 'exec', vm.namespace, 'sh', '-c', `${pings.join(' ')} wait`)
  return new Set(others.filter((other) => attached.includes(`from ${addressOf(other)}:`)))
}

/** What is missing and what is too much, a line each; a link that is otherwise says in what. */
function differences(wanted: readonly string[], held: readonly string[]): string[] {
  const missing = wanted.filter((line) => !held.includes(line))
  const extra = held.filter((line) => !wanted.includes(line))
  const changed = missing.flatMap((line) => {
    const [name = ''] = line.split(': ')
    const other = extra.find((one) => line.startsWith('link ') && one.startsWith(`${name}: `))
    return other === undefined ? [] : [{ line, other, name }]
  })
  return [
    ...changed.map(({ line, other, name }) => `${name} is otherwise: ${otherWords(line, other)}`),
    ...missing.filter((line) => !changed.some((one) => one.line === line)).map((line) => `missing: ${line}`),
    ...extra.filter((line) => !changed.some((one) => one.other === line)).map((line) => `extra: ${line}`),
  ]
}

function otherWords(wanted: string, held: string): string {
  const [these, those] = [wanted.split(' '), held.split(' ')]
  return `${those.filter((word) => !these.includes(word)).join(' ')} instead of ${these.filter((word) => !those.includes(word)).join(' ')}`
}

function surplus(files: readonly string[], before: readonly string[]): string {
  const counts = Map.groupBy(files, (file) => file)
  return [...counts]
    .map(([file, { length }]) => ({ file, more: length - before.filter((one) => one === file).length }))
    .filter(({ more }) => more > 0)
    .map(({ file, more }) => `${more} × ${file}`)
    .join(', ')
}
