import type { EventSink } from '../../src/events/event.ts'
import type { Ip } from '../../src/values/address.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { type IngredientName, SWITCHED_ON } from './ingredients.ts'
import { Node, Reflector, type Surroundings } from './machines.ts'
import { isKnown, lostMoves } from './move-oracle.ts'
import { contradictions } from './oracle.ts'
import { Random } from './random.ts'
import { untruths } from './status-oracle.ts'
import { Storm } from './storm.ts'
import { drawStory, type Story } from './story.ts'
import { describeSite, wiresOf } from './topology.ts'

export interface Outcome {
  readonly seed: number
  /** What was wrong at the end; empty when all was well. */
  readonly wrong: readonly string[]
  /** What happened, one line each, with virtual seconds. */
  readonly history: readonly string[]
  readonly nodes: number
  readonly reflectors: number
  /** Endpoints that are in an IP VPN by an EVPN instance at the end. */
  readonly irbs: number
}

/** Longer than every timer of BGP here: back-off, hold time, restart time, the wait for End-of-RIB. */
const QUIET_MS = 1_200_000
/** The network of a seed from its first to its last moment; the same seed is the same story. */
export function simulate(seed: number, allowed: Iterable<IngredientName> = SWITCHED_ON): Promise<Outcome> {
  return play(drawStory(seed, allowed))
}

/** Has a story happen. */
export async function play(story: Story): Promise<Outcome> {
  const { seed, topology, afterwards } = story
  const clock = new VirtualClock()
  const network = new VirtualNetwork(clock, topology.latencyMs)
  const faults: string[] = []
  const events: EventSink = {
    emit: (event) => {
      if (event.type === 'session-fault') faults.push(`${event.peer}: ${event.error.stack}`)
    },
  }
  const random = Random.for(seed, 'machines')
  const around: Surroundings = { clock, network, random, events, seed, has: story.has }
  const all = [...topology.reflectors, ...topology.nodes]
  const history = all.map(describeSite)
  const log = (text: string): void => void history.push(`${(clock.now() / 1000).toFixed(3)} ${text}`)

  const sites = new Map(all.map((site) => [site.address, site]))
  const reflectors = topology.reflectors.map((site) => new Reflector(around, site, sites))
  const nodes = topology.nodes.map((site) => new Node(around, site, sites))
  const storm = new Storm(around, seed, nodes, reflectors, wiresOf(topology), log, (fault) =>
    faults.push(fault),
  )
  for (const machine of [...reflectors, ...nodes]) machine.start()
  await storm.run(story.events)
  storm.calm()
  await clock.run(QUIET_MS)
  const wrong = [...contradictions(nodes)]
  const isAlive = (a: Ip, b: Ip) => storm.isAlive(a, b)
  if (wrong.length === 0) for await (const untruth of untruths(clock, nodes, isAlive)) wrong.push(untruth)
  if (wrong.length === 0 && afterwards.events.length > 0) {
    await clock.run(afterwards.restMs)
    const evacuated = afterwards.evacuated.filter((one) => isKnown(nodes, one))
    await storm.run(afterwards.events)
    storm.calm()
    await clock.run(afterwards.withinMs)
    wrong.push(...contradictions(nodes), ...lostMoves(nodes, evacuated))
  }
  wrong.push(...faults)
  const attached = nodes.flatMap(({ agent }) => [...agent.attached()])
  const irbs = attached.filter(({ port }) => typeof port !== 'string').length
  return { seed, wrong, history, nodes: nodes.length, reflectors: reflectors.length, irbs }
}
