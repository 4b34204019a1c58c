import type { Lab } from '../../src/lab/lab.ts'
import { Random } from '../sim/random.ts'
import { type Agent, NETWORKS } from './agent.ts'
import type { Fault, Promised, Trouble } from './fault.ts'
import { Machine } from './machine.ts'
import { type ChaosNode, HOLD_SECONDS } from './node.ts'
import { Oracle } from './oracle.ts'
import { drawSetting, type Setting, World } from './world.ts'

const MOST_MOVES = 3
/** A longer repair is printed. */
const SLOW_SECONDS = 3
const BOTH_NODES = 0.2
const LOG_LINES = 30
/** Where others keep the kernel's link lock for longer, sessions and packets may be lost by that. */
const STANDSTILL_MS = (HOLD_SECONDS * 1000) / 3

export interface ChaosOptions {
  readonly seed: number
  readonly faults: readonly Fault[]
  /** Called before each step: whether there is to be another one. `step` counts from 1. */
  readonly goesOn: (step: number) => boolean
  /** Takes what happened, a line for each step. */
  readonly report: (line: string) => void
}

/** A fault on its way, and on which node. */
interface Begun extends Trouble {
  readonly fault: Fault
  readonly at: number
}

/** Plays faults on two nodes, one step after the other, and asks after each whether all is well again. Throws what is not. */
export async function playChaos(lab: Lab, options: ChaosOptions): Promise<void> {
  const { seed, goesOn, report } = options
  const setting = drawSetting(Random.for(seed, 'setting'))
  report(settingText(setting))
  const world = await World.start(lab, setting)
  const chaos = new Chaos(world, await Oracle.start(world), options)
  try {
    await chaos.settle([])
    report('two nodes, all well')
    for (let step = 1; goesOn(step); step++) await chaos.step(step)
  } catch (error) {
    const output = await Promise.all(world.nodes.map(lastWords))
    throw new Error(`${(error as Error).message}\n${output.join('\n')}`)
  }
}

/** What a daemon says of itself at the end, and logged last. */
async function lastWords(node: ChaosNode): Promise<string> {
  const { problems } = await node.status().catch(({ message }: Error) => ({ problems: [message] }))
  const log = node.logTail(LOG_LINES).replace(/(.{300}).*/g, '$1 …')
  const { daemon } = node
  const end = daemon?.failure === undefined ? '' : `\nit ended (${daemon.failure}): ${daemon.tail(5)}`
  return `\nthe status of ${node.name}: ${problems.join('; ') || 'all well'}${end}\nits last log lines:\n${log}`
}

class Chaos {
  private readonly world: World
  private readonly oracle: Oracle
  private readonly options: ChaosOptions
  private readonly machine: Machine
  private sessions: (readonly [pid: number, count: number])[] = []

  constructor(world: World, oracle: Oracle, options: ChaosOptions) {
    this.world = world
    this.oracle = oracle
    this.options = options
    this.machine = new Machine(world.lab)
  }

  /** Draws one or two faults and what the agents do meanwhile, and waits until it is over. */
  async step(step: number): Promise<void> {
    const dice = (purpose: string) => Random.for(this.options.seed, `${purpose} of step ${step}`)
    const began = performance.now()
    const begun = await this.begin(dice)
    const moves = this.world.agents.map((agent) => drawMoves(agent, dice(`moves of ${agent.node.name}`)))
    const text = begun.map(({ what, at }) => `${this.world.nodes[at]!.name}: ${what}`).join('; ')
    this.options.report(`${step}: ${text}; ${moves.flat().length} moves`)
    await Promise.all([...moves.map((some) => inTurn(some)), ...begun.map((one) => this.endure(one))])
    const ended = performance.now()
    const costs = new Set(begun.flatMap(({ costs = [] }) => costs))
    const { lost, differed } = await this.settle(begun)
    const [lasted, repaired] = [ended - began, performance.now() - ended].map((ms) => (ms / 1000).toFixed(1))
    const slowly = Number(repaired) > SLOW_SECONDS ? `, at last: ${differed}` : ''
    this.options.report(`   ${lasted} s, right ${repaired} s later${slowly}; ${lost} packets lost`)
    if (lost > 0 && !costs.has('packets')) throw new Error(`${lost} packets were lost, and none need be`)
  }

  /** Waits until all is well after these; resolves to how many packets of the flow were lost, and what was repaired last. */
  async settle(begun: readonly Begun[]): Promise<{ lost: number; differed: string }> {
    const { agents, flow } = this.world
    for (const agent of agents) {
      const forgotten = (await agent.requestAgain()).map(({ name }) => name)
      const mayForget = this.costsAt(agent, begun).includes('state')
      if (forgotten.length > 0 && !mayForget)
        throw new Error(`${agent.node.name} has forgotten ${forgotten.join(', ')}`)
    }
    const differed = await this.oracle.expectRight()
    const leaks = this.oracle.leaks()
    if (leaks.length > 0) throw new Error(leaks.join('; '))
    const stoodMs = this.machine.takeStandstill()
    const isExcused = stoodMs > STANDSTILL_MS
    if (isExcused)
      this.options.report(`   other programs kept the kernel's link lock for ${Math.round(stoodMs)} ms`)
    await this.expectSessions(begun, isExcused)
    const lost = await flow.lost()
    return { lost: isExcused ? 0 : lost, differed }
  }

  /** `dice`: those for a purpose. */
  private async begin(dice: (purpose: string) => Random): Promise<Begun[]> {
    const { faults } = this.options
    const random = dice('faults')
    const first = random.between(0, 1)
    const fault = draw(faults, random)
    const begun = [await this.start(fault, first, dice('first'))]
    const others = faults.filter(({ isShared }) => isShared !== true)
    if (fault.isShared !== true && others.length > 0 && random.chance(BOTH_NODES))
      begun.push(await this.start(draw(others, random), 1 - first, dice('second')))
    return begun
  }

  private async start(fault: Fault, at: number, random: Random): Promise<Begun> {
    return { ...(await fault.start(this.world, this.world.nodes[at]!, random)), fault, at }
  }

  private async endure({ at, reports, lastsMs = 0, end }: Begun): Promise<void> {
    const over = new Promise((resolve) => setTimeout(resolve, lastsMs))
    if (reports !== undefined) await this.expectReported(at, reports)
    await over
    await end?.()
  }

  private async expectReported(at: number, reports: RegExp): Promise<void> {
    const node = this.world.nodes[at]!
    await this.world.lab.eventually(`the status of ${node.name} says ${reports}`, async () => {
      const { problems } = await node.status()
      return problems.some((problem) => reports.test(problem))
        ? { value: true }
        : { seen: problems.join('; ') || 'all well' }
    })
  }

  /** No session came up again but those that a fault may cost. */
  private async expectSessions(begun: readonly Begun[], isExcused: boolean): Promise<void> {
    const before = this.sessions
    this.sessions = await Promise.all(
      this.world.nodes.map(async (node) => [node.pid, await node.sessions()] as const),
    )
    for (const [i, agent] of this.world.agents.entries()) {
      const [pid, count] = this.sessions[i]!
      const [pidBefore, countBefore] = before[i] ?? []
      const isLost = pid === pidBefore && count !== countBefore
      if (isLost && !isExcused && !this.costsAt(agent, begun).includes('session'))
        throw new Error(`${agent.node.name} has lost its session, and need not`)
    }
  }

  private costsAt({ node }: Agent, begun: readonly Begun[]): readonly Promised[] {
    return begun
      .filter(({ fault, at }) => fault.isShared === true || this.world.nodes[at] === node)
      .flatMap(({ costs = [] }) => costs)
  }
}

function draw(faults: readonly Fault[], random: Random): Fault {
  return random.pick(faults.flatMap((fault) => Array<Fault>(fault.weight).fill(fault)))
}

/** What an agent will do with some of its VMs, but the first, which has the flow. */
function drawMoves(agent: Agent, random: Random): (() => Promise<void>)[] {
  const movable = agent.node.vms.slice(1)
  return Array.from({ length: random.between(0, MOST_MOVES) }, () => {
    const vm = random.pick(movable)
    const to = random.pick(NETWORKS)
    return () => agent.move(vm, agent.wanted.get(vm) === null ? to : null)
  })
}

async function inTurn(acts: readonly (() => Promise<void>)[]): Promise<void> {
  for (const act of acts) await act()
}

function settingText({ reflector, forwardingThreads }: Setting): string {
  const threads = forwardingThreads.map((has) => (has ? 'with' : 'without'))
  return `reflector ${reflector}; node1 ${threads[0]} and node2 ${threads[1]} a forwarding thread`
}
