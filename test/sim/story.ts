import { DEEDS, type Event, PATHS, type TimedEvent, type Wire } from './events.ts'
import { type IngredientName, ingredientsOf } from './ingredients.ts'
import { drawPlug, drawTraits, ENDPOINTS, EVPNS, IP_VPNS, NETWORKS, type Wish } from './networks.ts'
import { Random } from './random.ts'
import { drawTopology, type Topology, wiresOf } from './topology.ts'

/** All that happens to a network, before anything has happened. */
export interface Story {
  readonly seed: number
  readonly has: ReadonlySet<IngredientName>
  readonly topology: Topology
  readonly events: readonly TimedEvent[]
  /** What happens when all has come to rest, if anything; times count from then. */
  readonly afterwards: readonly TimedEvent[]
}

/** The story of a seed with some of the ingredients that are allowed. */
export function drawStory(seed: number, allowed: Iterable<IngredientName>): Story {
  const has = ingredientsOf(seed, allowed)
  const topology = drawTopology(seed, has)
  const draft = new Draft(Random.for(seed, 'storm'), topology)
  const storm = draft.events(draft.random.between(20, 80), [1, 10, 100, 1000, 10_000, 60_000], () =>
    draft.random.pick(draft.storm)(),
  )
  const losses = drawLosses(seed, topology, has, storm.at(-1)!.atMs)
  const extra = drawExtra(seed, topology, has, storm)
  const events = [...storm, ...losses, ...extra].sort((a, b) => a.atMs - b.atMs)
  return { seed, has, topology, events, afterwards: drawAfterwards(seed, topology, has, draft, losses) }
}

const keyOf = ({ network, endpoint, plug }: Wish): string => `${network} ${endpoint} ${plug?.evpn}`

/** Draws what agents ask for and what goes wrong; it keeps in mind what each agent has asked for so far. */
class Draft {
  readonly random: Random
  private readonly topology: Topology
  private readonly wires: readonly Wire[]
  private readonly wanted: readonly Map<string, Wish>[]

  constructor(random: Random, topology: Topology) {
    this.random = random
    this.topology = topology
    this.wires = wiresOf(topology)
    this.wanted = topology.nodes.map(() => new Map())
  }

  events(count: number, pausesMs: readonly number[], draw: () => Event | null): TimedEvent[] {
    const events: TimedEvent[] = []
    let atMs = 0
    for (let i = 0; i < count; i++) {
      atMs += this.random.pick(pausesMs)
      const event = draw()
      if (event !== null) events.push({ ...event, atMs })
    }
    return events
  }

  private readonly attach = (): Event => {
    const node = this.node()
    const wish = {
      network: this.random.pick(NETWORKS),
      endpoint: this.random.between(1, ENDPOINTS),
      plug: null,
    }
    return this.ask(node, wish)
  }

  /** An endpoint of an EVPN instance is attached to an IP VPN as well, mostly where the instance has endpoints; or it is again, otherwise. */
  private readonly plug = (): Event => {
    const node = this.node()
    const wishes = [...this.wanted[node]!.values()]
    const plugged = wishes.filter(({ plug }) => plug !== null)
    if (plugged.length > 0 && this.random.chance(0.4))
      return this.ask(node, this.again(this.random.pick(plugged)))
    const present = EVPNS.filter((network) => wishes.some((wish) => wish.network === network))
    const evpn = this.random.pick(present.length > 0 && this.random.chance(0.8) ? present : EVPNS)
    const vpn = this.random.pick(IP_VPNS)
    return this.ask(node, drawPlug(this.random, vpn, evpn, this.random.between(1, ENDPOINTS)))
  }

  private readonly detach = (): Event | null => {
    const node = this.node()
    const wishes = [...this.wanted[node]!.values()]
    if (wishes.length === 0) return null
    const wish = this.random.pick(wishes)
    this.wanted[node]!.delete(keyOf(wish))
    return { kind: 'detach', node, wish }
  }

  /** All endpoints of a network go from a node; they may be in IP VPNs yet. */
  private readonly leave = (): Event => {
    const node = this.node()
    const network = this.random.pick(NETWORKS)
    for (const [key, wish] of this.wanted[node]!) if (wish.network === network) this.wanted[node]!.delete(key)
    return { kind: 'leave', node, network }
  }

  private readonly move = (): Event | null => {
    const [from, to] = [this.node(), this.node()]
    const [wish] = this.wanted[from]!.values()
    if (wish === undefined || from === to) return null
    const next = this.again(wish)
    this.wanted[from]!.delete(keyOf(wish))
    this.wanted[to]!.set(keyOf(next), next)
    const [detachesFirst, handOverMs] = [this.random.chance(0.5), this.random.between(0, 3000)]
    return { kind: 'move', from, to, wish, next, detachesFirst, handOverMs }
  }

  private readonly retarget = (): Event => {
    const network = this.random.pick(NETWORKS)
    return { kind: 'retarget', node: this.node(), network, traits: drawTraits(this.random, network) }
  }

  private readonly restartNode = (): Event => ({
    kind: 'restart-node',
    node: this.node(),
    gracefully: this.random.chance(0.5),
    downMs: this.downMs(),
    moves: false,
  })

  private readonly restartReflector = (): Event | null => {
    const { length } = this.topology.reflectors
    if (length === 0) return null
    return { kind: 'restart-reflector', reflector: this.random.between(0, length - 1), downMs: this.downMs() }
  }

  private readonly cut = (): Event => ({ kind: 'cut', wire: this.wire(), forGood: false })

  private readonly mend = (): Event => ({
    kind: 'mend',
    wires: this.wires.filter(() => this.random.chance(0.5)),
  })

  private readonly reset = (): Event => ({ kind: 'reset', wire: this.wire() })

  private readonly slow = (): Event => ({
    kind: 'slow',
    wire: this.wire(),
    latencyMs: this.random.pick([1, 50, 1000, 4000]),
  })

  private readonly meddle = (): Event => ({
    kind: 'meddle',
    node: this.node(),
    link: this.random.next(),
    deed: this.random.pick(DEEDS),
  })

  private readonly refuse = (): Event => ({
    kind: 'refuse',
    node: this.node(),
    count: this.random.between(1, 5),
  })

  readonly storm: readonly (() => Event | null)[] = [
    ...[this.attach, this.attach, this.attach, this.attach],
    ...[this.plug, this.plug, this.plug, this.detach, this.detach, this.leave, this.move, this.retarget],
    ...[this.restartNode, this.restartReflector, this.cut, this.mend, this.reset, this.slow],
    ...[this.meddle, this.refuse],
  ]

  /** What agents do in quiet times. */
  readonly calm: readonly (() => Event | null)[] = [
    ...[this.attach, this.attach, this.plug, this.detach, this.detach],
    ...[this.leave, this.move, this.move, this.move],
  ]

  /** The same endpoint in the same networks, with other terms. */
  private again(wish: Wish): Wish {
    const { network, endpoint, plug } = wish
    return plug === null ? wish : drawPlug(this.random, network, plug.evpn, endpoint)
  }

  private ask(node: number, wish: Wish): Event {
    this.wanted[node]!.set(keyOf(wish), wish)
    return { kind: 'attach', node, wish }
  }

  private node(): number {
    return this.random.between(0, this.topology.nodes.length - 1)
  }

  private wire(): Wire {
    return this.random.pick(this.wires)
  }

  private downMs(): number {
    return this.random.pick([10, 1000, 30_000, 200_000])
  }
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

/** A reflector without which each node still has one. */
function dispensable(random: Random, { reflectors, nodes }: Topology): number | null {
  const candidates = reflectors.flatMap(({ address }, i) =>
    nodes.every(({ peers }) => peers.some((peer) => peer !== address)) ? [i] : [],
  )
  return candidates.length === 0 || reflectors.length < 2 ? null : random.pick(candidates)
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

/** With all at rest a reflector dies for good, and agents go on; nothing where no reflector can be done without. */
function drawAfterwards(
  seed: number,
  topology: Topology,
  has: ReadonlySet<IngredientName>,
  draft: Draft,
  losses: readonly TimedEvent[],
): TimedEvent[] {
  const random = Random.for(seed, 'afterwards')
  const dead = has.has('prompt') && losses.length === 0 ? dispensable(random, topology) : null
  if (dead === null) return []
  const changes = draft.events(random.between(3, 10), [1, 100, 2000], () => random.pick(draft.calm)())
  return [
    { kind: 'restart-reflector', reflector: dead, downMs: null, atMs: 1000 },
    ...changes.map((event) => ({ ...event, atMs: event.atMs + 1000 + random.pick([0, 500]) })),
  ].sort((a, b) => a.atMs - b.atMs) as TimedEvent[]
}
