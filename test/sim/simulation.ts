import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import type { Ip } from '../../src/values/address.ts'
import { ip } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { Node, Reflector, type Surroundings, type Wiring } from './machines.ts'
import { contradictions } from './oracle.ts'
import { Random } from './random.ts'
import { Storm } from './storm.ts'

export interface Outcome {
  readonly seed: number
  /** What was wrong at the end; empty when all was well. */
  readonly wrong: readonly string[]
  /** What happened, one line each, with virtual seconds. */
  readonly history: readonly string[]
  readonly nodes: number
  readonly reflectors: number
  /** Endpoints that are in an IP VPN by an EVPN instance at the end. */
  readonly plugged: number
}

/** Longer than every timer of BGP here: back-off, hold time, restart time, the wait for End-of-RIB. */
const QUIET_MS = 1_200_000

/** One network from its first to its last moment; the same seed is the same story. */
export async function simulate(seed: number): Promise<Outcome> {
  const random = new Random(seed)
  const clock = new VirtualClock()
  const network = new VirtualNetwork(clock, random.between(1, 20))
  const around: Surroundings = { clock, network, random }
  const history: string[] = []
  const tell = (text: string): void => void history.push(`${(clock.now() / 1000).toFixed(3)} ${text}`)

  const reflectorCount = random.pick([0, 1, 1, 2, 3])
  const addresses = (prefix: string, count: number): Ip[] =>
    Array.from({ length: count }, (_, i) => ip(`${prefix}.${i + 1}`))
  const reflectorAddresses = addresses('10.0.1', reflectorCount)
  const nodeAddresses = addresses('10.0.0', random.between(2, 6))
  const families = random.chance(0.8) ? [EVPN, VPNV4, ROUTE_TARGET] : [EVPN, VPNV4]
  const common = {
    families,
    restartSeconds: random.chance(0.5) ? 120 : 0,
    headlessSeconds: random.chance(0.5) ? 600 : 0,
    vanishedSeconds: random.chance(0.5) ? 20 : 0,
  }
  const others = (all: readonly Ip[], one: Ip): Ip[] => all.filter((other) => other !== one)
  const wiring = (peers: readonly Ip[], passive = false): Wiring => ({ ...common, peers, passive })

  const reflectors = reflectorAddresses.map(
    (address) =>
      new Reflector(around, address, wiring([...nodeAddresses, ...others(reflectorAddresses, address)])),
  )
  const nodes = nodeAddresses.map((address) => {
    const peers = reflectorCount === 0 ? others(nodeAddresses, address) : reflectorAddresses
    return new Node(around, address, wiring(peers), random.chance(0.8))
  })
  const world = new Storm(around, nodes, reflectors, tell)
  for (const machine of [...reflectors, ...nodes]) machine.start()
  const steps = random.between(20, 80)
  for (let step = 0; step < steps; step++) {
    await clock.run(random.pick([1, 10, 100, 1000, 10_000, 60_000]))
    world.event()
  }
  world.calm()
  await clock.run(QUIET_MS)
  const wrong = [...contradictions(nodes)]
  const attached = nodes.flatMap(({ agent }) => [...agent.attached()])
  const plugged = attached.filter(({ port }) => typeof port !== 'string').length
  return { seed, wrong, history, nodes: nodes.length, reflectors: reflectors.length, plugged }
}
