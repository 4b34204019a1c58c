import { DEEDS, type Event, type TimedEvent, type Wire } from './events.ts'
import {
  drawIrb,
  drawTraits,
  ENDPOINTS,
  EVPNS,
  IP_VPNS,
  NETWORKS,
  SECOND_ADDRESSES,
  TAKEN_ADDRESSES,
  type Wish,
} from './networks.ts'
import type { Random } from './random.ts'
import { type Topology, wiresOf } from './topology.ts'

const keyOf = ({ network, endpoint, irb }: Wish): string => `${network} ${endpoint} ${irb?.evpn}`

/** Draws what agents ask for and what goes wrong; it keeps in mind what each agent has asked for so far. */
export class Draft {
  readonly random: Random
  private readonly addresses: Random | null
  private readonly topology: Topology
  private readonly wires: readonly Wire[]
  private readonly wanted: readonly Map<string, Wish>[]

  /** `addresses` draws where endpoints have several addresses; null: they have one each. */
  constructor(random: Random, topology: Topology, addresses: Random | null) {
    this.random = random
    this.addresses = addresses
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
    const network = this.random.pick(NETWORKS)
    const endpoint = this.random.between(1, ENDPOINTS)
    return this.ask(node, { network, endpoint: this.anotherAddress(network, endpoint), irb: null })
  }

  /** An endpoint of an EVPN instance is attached to an IP VPN as well, mostly where the instance has endpoints; or it is again, otherwise. */
  private readonly join = (): Event => {
    const node = this.node()
    const wishes = [...this.wanted[node]!.values()]
    const joined = wishes.filter(({ irb }) => irb !== null)
    if (joined.length > 0 && this.random.chance(0.4))
      return this.ask(node, this.again(this.random.pick(joined)))
    const present = EVPNS.filter((network) => wishes.some((wish) => wish.network === network))
    const evpn = this.random.pick(present.length > 0 && this.random.chance(0.8) ? present : EVPNS)
    const vpn = this.random.pick(IP_VPNS)
    return this.ask(node, drawIrb(this.random, vpn, evpn, this.random.between(1, ENDPOINTS)))
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
    ...[this.join, this.join, this.join, this.detach, this.detach, this.leave, this.move, this.retarget],
    ...[this.restartNode, this.restartReflector, this.cut, this.mend, this.reset, this.slow],
    ...[this.meddle, this.refuse],
  ]

  /** What agents do in quiet times. */
  readonly calm: readonly (() => Event | null)[] = [
    ...[this.attach, this.attach, this.join, this.detach, this.detach],
    ...[this.leave, this.move, this.move, this.move],
  ]

  /** Maybe another address of an endpoint, or its address with another MAC address. */
  private anotherAddress(network: string, endpoint: number): number {
    const { addresses } = this
    if (addresses === null || !EVPNS.includes(network) || endpoint === ENDPOINTS) return endpoint
    return endpoint + addresses.pick([0, 0, SECOND_ADDRESSES, SECOND_ADDRESSES, TAKEN_ADDRESSES])
  }

  /** The same endpoint in the same networks, with other options. */
  private again(wish: Wish): Wish {
    const { network, endpoint, irb } = wish
    return irb === null ? wish : drawIrb(this.random, network, irb.evpn, endpoint)
  }

  private ask(node: number, wish: Wish): Event {
    this.wanted[node]!.set(keyOf(wish), wish)
    return { kind: 'attach', node, wish }
  }

  /** What a node's agent has asked for so far. */
  wishesOf(node: number): Wish[] {
    return [...this.wanted[node]!.values()]
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
