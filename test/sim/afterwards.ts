import type { Draft } from './draft.ts'
import type { Event, TimedEvent } from './events.ts'
import type { IngredientName } from './ingredients.ts'
import { EVPNS, type Wish } from './networks.ts'
import { Random } from './random.ts'
import { dispensable, type Topology, wiresOf } from './topology.ts'

/** What happens to a network at rest. */
export interface Afterwards {
  /** How long it rests before. */
  readonly restMs: number
  readonly events: readonly TimedEvent[]
  /** After so long all must be right again. */
  readonly withinMs: number
  /** Endpoints that were attached at another node while theirs was cut off. */
  readonly evacuated: readonly Evacuated[]
}

/** An endpoint of two nodes by their numbers: it was attached at `to` later than at `from`. */
export interface Evacuated {
  readonly wish: Wish
  readonly from: number
  readonly to: number
}

/** Longer than an address that has moved too often is left alone (`MOBILITY_DEFAULTS`). */
const RECOVERY_MS = 2_000_000
/** Less than the restart time of a reflector that died a little before, longer than agents take to ask again. */
const PROMPT_MS = 90_000
/** An agent asks a daemon that has forgotten all again after a minute for what it refused, and what it then finds is kept for another. */
const FORGETFUL_MS = 150_000
const AT_REST_MS = 1_200_000
const NOTHING: Afterwards = { restMs: 0, events: [], withinMs: 0, evacuated: [] }

export function drawAfterwards(
  seed: number,
  topology: Topology,
  has: ReadonlySet<IngredientName>,
  draft: Draft,
  losses: readonly TimedEvent[],
): Afterwards {
  const random = Random.for(seed, 'afterwards')
  const dead = losses.length === 0 ? dispensable(random, topology) : null
  const kinds = [
    ...(has.has('prompt') && dead !== null ? [() => drawPrompt(random, topology, draft, [dies(dead)])] : []),
    ...(has.has('prompt-restart') ? [() => drawRestart(random, topology, draft, dead)] : []),
    ...(has.has('evacuated') ? [() => drawEvacuation(random, topology, draft, 5000)] : []),
    ...(has.has('evacuated-late') ? [() => drawEvacuation(random, topology, draft, 300_000)] : []),
  ]
  return kinds.length === 0 ? NOTHING : random.pick(kinds)()
}

/** Agents go on after something has happened; no session is slow. */
function drawPrompt(
  random: Random,
  topology: Topology,
  draft: Draft,
  before: readonly TimedEvent[],
): Afterwards {
  const { latencyMs } = topology
  const fast = wiresOf(topology).map((wire) => ({ kind: 'slow', wire, latencyMs, atMs: 0 }) as const)
  const count = random.between(3, 10)
  const changes = draft.events(count, [1, 100, 1000], () => random.pick(draft.calm)())
  const later = changes.map((event) => ({ ...event, atMs: event.atMs + 2000 }))
  return { ...NOTHING, events: [...fast, ...before, ...later], withinMs: PROMPT_MS }
}

/** A node restarts while agents go on, maybe after a reflector has died for good. */
function drawRestart(random: Random, topology: Topology, draft: Draft, dead: number | null): Afterwards {
  const node = random.between(0, topology.nodes.length - 1)
  const restart: TimedEvent = {
    kind: 'restart-node',
    node,
    gracefully: random.chance(0.5),
    downMs: 10_000,
    moves: false,
    atMs: 1500,
  }
  const death = dead !== null && random.chance(0.5) ? [dies(dead)] : []
  const prompt = drawPrompt(random, topology, draft, [...death, restart])
  return topology.nodes[node]?.keepsState ? prompt : { ...prompt, withinMs: FORGETFUL_MS }
}

/** A node is cut off from all others, endpoints of it are attached elsewhere, and it comes back with them. */
function drawEvacuation(random: Random, topology: Topology, draft: Draft, afterMs: number): Afterwards {
  const numbers = topology.nodes.flatMap(({ hasPolicy }, node) => (hasPolicy ? [node] : []))
  if (numbers.length < 2) return NOTHING
  const from = random.pick(numbers)
  const to = random.pick(numbers.filter((node) => node !== from))
  const { address } = topology.nodes[from]!
  const wires = wiresOf(topology).filter((wire) => wire.includes(address))
  const there = draft.wishesOf(to)
  const wishes = draft
    .wishesOf(from)
    .filter(({ irb, network }) => irb === null && EVPNS.includes(network))
    .filter((wish) => !there.some((one) => one.network === wish.network && one.endpoint === wish.endpoint))
  const attachedMs = 1000 + afterMs
  const events: (Event & { atMs: number })[] = [
    ...wires.map((wire) => ({ kind: 'cut', wire, forGood: false, atMs: 1000 }) as const),
    ...wishes.map((wish) => ({ kind: 'attach', node: to, wish, atMs: attachedMs }) as const),
    { kind: 'mend', wires, atMs: attachedMs + random.pick([60_000, 300_000]) },
  ]
  const evacuated = wishes.map((wish) => ({ wish, from, to }))
  return { restMs: RECOVERY_MS, events, withinMs: AT_REST_MS, evacuated }
}

function dies(reflector: number): TimedEvent {
  return { kind: 'restart-reflector', reflector, downMs: null, atMs: 1000 }
}
