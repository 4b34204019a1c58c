import { type Afterwards, drawAfterwards } from './afterwards.ts'
import { Draft } from './draft.ts'
import { MORE_DEEDS, PATHS, type TimedEvent } from './events.ts'
import { type IngredientName, ingredientsOf } from './ingredients.ts'
import { Random } from './random.ts'
import { dispensable, drawTopology, type Topology, wiresOf } from './topology.ts'

/** All that happens to a network, before anything has happened. */
export interface Story {
  readonly seed: number
  readonly has: ReadonlySet<IngredientName>
  readonly topology: Topology
  readonly events: readonly TimedEvent[]
  /** What happens when all has come to rest. */
  readonly afterwards: Afterwards
}

/** The story of a seed with some of the ingredients that are allowed. */
export function drawStory(seed: number, allowed: Iterable<IngredientName>): Story {
  const has = ingredientsOf(seed, allowed)
  const topology = drawTopology(seed, has)
  const addresses = has.has('several-addresses') ? Random.for(seed, 'addresses') : null
  const draft = new Draft(Random.for(seed, 'storm'), topology, addresses)
  const storm = draft.events(draft.random.between(20, 80), [1, 10, 100, 1000, 10_000, 60_000], () =>
    draft.random.pick(draft.storm)(),
  )
  const losses = drawLosses(seed, topology, has, storm.at(-1)!.atMs)
  const extra = drawExtra(seed, topology, has, storm)
  const refusals = has.has('refused-restart') ? drawRefusals(seed, [...storm, ...extra]) : []
  const events = [...storm, ...losses, ...extra, ...refusals].sort((a, b) => a.atMs - b.atMs)
  return { seed, has, topology, events, afterwards: drawAfterwards(seed, topology, has, draft, losses) }
}

/** What is lost for good: reflectors, and sessions of nodes with them; each node keeps a reflector that lives. */
function drawLosses(
  seed: number,
  topology: Topology,
  has: ReadonlySet<IngredientName>,
  endMs: number,
): TimedEvent[] {
  const random = Random.for(seed, 'losses')
  const losses: TimedEvent[] = []
  const atMs = (): number => random.between(0, endMs)
  const addresses = topology.reflectors.map(({ address }) => address)
  const dead = has.has('dead-reflector') ? dispensable(random, topology) : null
  if (dead !== null) losses.push({ kind: 'restart-reflector', reflector: dead, downMs: null, atMs: atMs() })
  if (!has.has('lost-side')) return losses
  for (const { address } of topology.nodes) {
    const alive = wiresOf(topology).filter(
      ([a, b]) => a === address && addresses.includes(b) && b !== addresses[dead ?? -1],
    )
    if (alive.length < 2 || random.chance(0.3)) continue
    losses.push({ kind: 'cut', wire: random.pick(alive), forGood: true, atMs: atMs() })
  }
  return losses
}

/** What kernels refuse right after restarts: the first attaches, where the daemon has forgotten all. */
function drawRefusals(seed: number, events: readonly TimedEvent[]): TimedEvent[] {
  const random = Random.for(seed, 'refusals')
  return events.flatMap((event) =>
    event.kind === 'restart-node'
      ? { kind: 'refuse', node: event.node, count: random.between(1, 5), atMs: event.atMs }
      : [],
  )
}

/** What happens to kernels and state files at a moment. */
function drawTrouble(
  seed: number,
  topology: Topology,
  has: ReadonlySet<IngredientName>,
  atMs: number,
): TimedEvent[] {
  const random = Random.for(seed, `trouble ${atMs}`)
  const node = (): number => random.between(0, topology.nodes.length - 1)
  const trouble: TimedEvent[] = []
  if (has.has('new-ports') && random.chance(0.2)) {
    const afterMs = random.pick([0, 1, 100, 5000])
    trouble.push({ kind: 'new-port', node: node(), link: random.next(), afterMs, atMs })
  }
  if (has.has('new-ports') && random.chance(0.1))
    trouble.push({ kind: 'meddle', node: node(), link: random.next(), deed: random.pick(MORE_DEEDS), atMs })
  if (has.has('late-kernel') && random.chance(0.1)) trouble.push({ kind: 'disconnect', node: node(), atMs })
  if (has.has('backup') && random.chance(0.05)) {
    const downMs = random.pick([10, 1000, 30_000, 200_000])
    const gracefully = random.chance(0.5)
    const backup = random.next()
    trouble.push({ kind: 'restart-node', node: node(), gracefully, downMs, moves: false, backup, atMs })
  }
  return trouble
}

/** Route refreshes and next hops that move, between the other events. */
function drawExtra(
  seed: number,
  topology: Topology,
  has: ReadonlySet<IngredientName>,
  storm: readonly TimedEvent[],
): TimedEvent[] {
  const random = Random.for(seed, 'extra')
  const extra: TimedEvent[] = []
  const wires = wiresOf(topology)
  const node = (): number => random.between(0, topology.nodes.length - 1)
  for (const { atMs: before } of storm) {
    const atMs = before + random.pick([0, 1, 5, 500, 9000])
    if (has.has('refresh') && random.chance(0.3)) {
      const [a, b] = random.pick(wires)
      const wire = random.chance(0.5) ? ([a, b] as const) : ([b, a] as const)
      extra.push({ kind: 'refresh', wire, family: random.between(0, 2), atMs })
    }
    extra.push(...drawTrouble(seed, topology, has, atMs))
    if (!has.has('moving-next-hop')) continue
    if (random.chance(0.15))
      extra.push({ kind: 'reroute', node: node(), to: node(), path: random.pick(PATHS), atMs })
    if (random.chance(0.05)) {
      const downMs = random.pick([10, 1000, 30_000, 200_000])
      const gracefully = random.chance(0.5)
      extra.push({ kind: 'restart-node', node: node(), gracefully, downMs, moves: true, atMs })
    }
  }
  return extra
}
