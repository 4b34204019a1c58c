import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import type { RouteTarget } from '../../src/bgp/values/extended-community.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { ip, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { Node, Reflector, type Surroundings, type Wiring } from './machines.ts'
import { contradictions } from './oracle.ts'
import { Random } from './random.ts'

export interface Outcome {
  readonly seed: number
  /** What was wrong at the end; empty when all was well. */
  readonly wrong: readonly string[]
  /** What happened, one line each, with virtual seconds. */
  readonly history: readonly string[]
  readonly nodes: number
  readonly reflectors: number
}

/** What is the same for all endpoints of a network on a node. */
type Traits = Pick<AttachRequest, 'importTargets' | 'exportTargets' | 'vni' | 'readvertise'>

const NETWORKS = ['red', 'blue', 'grey', 'vpn1', 'vpn2']
/** Those that are IP VPNs; they share an address space. */
const IP_VPNS = ['vpn1', 'vpn2']
const ENDPOINTS = 6
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
  return { seed, wrong, history, nodes: nodes.length, reflectors: reflectors.length }
}

/** What happens to a network. */
class Storm {
  private readonly random: Random
  private readonly around: Surroundings
  private readonly nodes: readonly Node[]
  private readonly reflectors: readonly Reflector[]
  private readonly tell: (text: string) => void
  /** Of a network on a node. */
  private readonly traits = new Map<string, Traits>()

  constructor(
    around: Surroundings,
    nodes: readonly Node[],
    reflectors: readonly Reflector[],
    tell: (text: string) => void,
  ) {
    this.random = around.random
    this.around = around
    this.nodes = nodes
    this.reflectors = reflectors
    this.tell = tell
  }

  event(): void {
    const happen = this.random.pick([
      this.attach,
      this.attach,
      this.attach,
      this.attach,
      this.detach,
      this.detach,
      this.move,
      this.retarget,
      this.restartNode,
      this.restartReflector,
      this.cut,
      this.mend,
      this.reset,
      this.slow,
      this.meddle,
      this.refuse,
    ])
    happen()
  }

  /** Everybody is up, every wire is whole. */
  calm(): void {
    for (const machine of [...this.reflectors, ...this.nodes]) machine.start()
    for (const [a, b] of this.wires()) this.around.network.mend(a, b)
    this.tell('calm')
  }

  private readonly attach = (): void => {
    const node = this.random.pick(this.nodes)
    this.attachEndpoint(node, this.random.pick(NETWORKS), this.random.between(1, ENDPOINTS))
  }

  private readonly detach = (): void => {
    const node = this.random.pick(this.nodes)
    const keys = [...node.wanted.keys()]
    if (keys.length === 0) return
    const key = this.random.pick(keys)
    this.tell(`${formatIp(node.address)} detaches ${key}`)
    node.detach(key)
  }

  /** A virtual machine migrates: it is attached at its new place before or after it is detached at the old one. */
  private readonly move = (): void => {
    const from = this.random.pick(this.nodes)
    const [key, request] = [...from.wanted][0] ?? []
    if (key === undefined || request === undefined) return
    const to = this.random.pick(this.nodes)
    if (to === from) return
    const endpoint = Number(String(request.port).slice(-1))
    if (this.random.chance(0.5)) from.detach(key)
    this.attachEndpoint(to, request.instanceId, endpoint)
    this.around.clock.after(this.random.between(0, 3000), () => from.detach(key))
    this.tell(`${key} moves from ${formatIp(from.address)} to ${formatIp(to.address)}`)
  }

  private readonly retarget = (): void => {
    const node = this.random.pick(this.nodes)
    const network = this.random.pick(NETWORKS)
    const requests = [...node.wanted.values()].filter(({ instanceId }) => instanceId === network)
    if (requests.length === 0) return
    const old = this.traitsOf(node, network)
    const traits = { ...this.newTraits(network), vni: old.vni }
    this.traits.set(`${formatIp(node.address)} ${network}`, traits)
    this.tell(`${formatIp(node.address)} changes the targets of ${network}`)
    for (const request of requests) node.attach({ ...request, ...traits })
  }

  private readonly restartNode = (): void => {
    const node = this.random.pick(this.nodes)
    const gracefully = this.random.chance(0.5)
    this.tell(`${formatIp(node.address)} ${gracefully ? 'stops' : 'dies'}`)
    node.kill(gracefully)
    this.around.clock.after(this.random.pick([10, 1000, 30_000, 200_000]), () => node.start())
  }

  private readonly restartReflector = (): void => {
    if (this.reflectors.length === 0) return
    const reflector = this.random.pick(this.reflectors)
    this.tell(`reflector ${formatIp(reflector.address)} dies`)
    reflector.kill()
    this.around.clock.after(this.random.pick([10, 1000, 30_000, 200_000]), () => reflector.start())
  }

  private readonly cut = (): void => {
    const [a, b] = this.random.pick(this.wires())
    this.tell(`${formatIp(a)} and ${formatIp(b)} are cut off`)
    this.around.network.cut(a, b)
  }

  private readonly mend = (): void => {
    for (const [a, b] of this.wires()) if (this.random.chance(0.5)) this.around.network.mend(a, b)
  }

  private readonly reset = (): void => {
    const [a, b] = this.random.pick(this.wires())
    this.tell(`${formatIp(a)} and ${formatIp(b)} are reset`)
    this.around.network.reset(a, b)
  }

  private readonly slow = (): void => {
    const [a, b] = this.random.pick(this.wires())
    this.around.network.link(a, b).latencyMs = this.random.pick([1, 50, 1000, 4000])
  }

  /** Somebody changes the kernel behind our back. */
  private readonly meddle = (): void => {
    const { driver, address } = this.random.pick(this.nodes)
    const { links } = driver.kernel
    const ours = [...links.values()].filter(({ alias }) => alias !== null)
    if (ours.length === 0) return
    const link = this.random.pick(ours)
    this.tell(`somebody meddles with ${link.name} of ${formatIp(address)}`)
    const deed = this.random.pick([
      () => driver.kernel.deleteLink(link.name),
      () => driver.overrun(),
      () => {
        for (const { entry } of [...link.remote.values(), ...link.floods.values()])
          driver.kernel.removeEntry(entry)
      },
    ])
    deed()
  }

  private readonly refuse = (): void => {
    const { driver, address } = this.random.pick(this.nodes)
    this.tell(`the kernel of ${formatIp(address)} refuses some`)
    driver.fail(() => true, 'ENOBUFS: no room', this.random.between(1, 5))
  }

  private attachEndpoint(node: Node, network: string, endpoint: number): void {
    const isIpVpn = IP_VPNS.includes(network)
    const number = NETWORKS.indexOf(network) + 1
    const octet = isIpVpn ? 100 : number
    const isLast = endpoint === ENDPOINTS
    this.tell(`${formatIp(node.address)} attaches ${network} ${endpoint}`)
    node.attach({
      instanceId: network,
      type: isIpVpn ? 'ipvpn' : 'evpn',
      mac: 0x020000000000 + number * 256 + endpoint,
      ip: isLast && !isIpVpn ? null : { ip: ip(`192.168.${octet}.${endpoint}`), prefixLength: 24 },
      gatewayIp: isIpVpn ? ip(`192.168.${octet}.254`) : null,
      port: `${network}${endpoint}`,
      linuxBridge: null,
      localPref: null,
      direction: endpoint === 1 ? 'from-port' : 'both',
      sticky: false,
      hashOrder: 0,
      advertiseSubnet: isIpVpn && endpoint >= ENDPOINTS - 1,
      description: undefined,
      instanceDescription: undefined,
      ...this.traitsOf(node, network),
    })
  }

  /** Targets and VNI of a network are those of all its endpoints on a node. */
  private traitsOf(node: Node, network: string): Traits {
    const key = `${formatIp(node.address)} ${network}`
    const known = this.traits.get(key)
    if (known !== undefined) return known
    const traits = this.newTraits(network)
    this.traits.set(key, traits)
    return traits
  }

  private newTraits(network: string): Traits {
    const own = rt(`64512:${NETWORKS.indexOf(network) + 1}`)
    const isIpVpn = IP_VPNS.includes(network)
    const vni = isIpVpn ? null : 100 + NETWORKS.indexOf(network) + (this.random.chance(0.2) ? 1000 : 0)
    const all = NETWORKS.map((_, i) => rt(`64512:${i + 1}`))
    const readvertise = isIpVpn ? this.readvertise(all) : null
    if (this.random.chance(0.7)) return { importTargets: [own], exportTargets: [own], vni, readvertise }
    return {
      readvertise,
      importTargets: this.random.some(all),
      exportTargets: this.random.chance(0.1) ? [] : this.random.some(all),
      vni,
    }
  }

  /** Some VRFs announce again what others said, maybe the others what these said. */
  private readvertise(all: readonly RouteTarget[]): AttachRequest['readvertise'] {
    if (this.random.chance(0.6)) return { from: [], to: [] }
    const from = this.random.some(all)
    const others = all.filter((target) => !from.includes(target))
    return { from, to: this.random.some(others.length === 0 || this.random.chance(0.1) ? all : others) }
  }

  private wires(): (readonly [Ip, Ip])[] {
    const all = [...this.reflectors, ...this.nodes].map(({ address }) => address)
    return all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const))
  }
}
