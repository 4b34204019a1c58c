import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import type { NextHop } from '../../src/dataplane/model.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { refusal } from '../support/refusal.ts'
import { ip } from '../support/speakers.ts'
import { keyOf } from './agent.ts'
import type { Event, Meddle, Move, NewPort, Reroute, RestartNode, TimedEvent, Wire } from './events.ts'
import { CORE, type Node, type Reflector, type Surroundings } from './machines.ts'
import { NETWORKS, Networks } from './networks.ts'
import { falseClaims } from './status-oracle.ts'

/** Families that are refreshed. */
const FAMILIES = [EVPN, VPNV4, ROUTE_TARGET]
/** Beside the core, without MPLS. */
const ELSEWHERE = 'lo'
/** How long another program has the name of a link of ours. */
const SQUAT_MS = 5000

const wireText = ([a, b]: Wire): string => `${formatIp(a)} and ${formatIp(b)}`

/** Has events happen to a network. */
export class Storm {
  private readonly around: Surroundings
  private readonly nodes: readonly Node[]
  private readonly reflectors: readonly Reflector[]
  private readonly wires: readonly Wire[]
  private readonly log: (text: string) => void
  private readonly networks: Networks
  private readonly onFault: (fault: string) => void
  private readonly lost = new Set<string>()
  private moves = 0

  constructor(
    around: Surroundings,
    seed: number,
    nodes: readonly Node[],
    reflectors: readonly Reflector[],
    wires: readonly Wire[],
    log: (text: string) => void,
    onFault: (fault: string) => void,
  ) {
    this.networks = new Networks(seed)
    this.around = around
    this.nodes = nodes
    this.reflectors = reflectors
    this.wires = wires
    this.log = log
    this.onFault = onFault
  }

  /** Has each happen at its time from now on. */
  async run(events: readonly TimedEvent[]): Promise<void> {
    const { clock } = this.around
    const startMs = clock.now()
    for (const event of events) {
      await clock.run(Math.max(0, startMs + event.atMs - clock.now()))
      for (const claim of falseClaims(this.nodes)) this.onFault(`${clock.now()} ms: ${claim}`)
      this.happen(event)
    }
  }

  /** All is up and whole but what is lost for good. */
  calm(): void {
    for (const machine of [...this.reflectors, ...this.nodes]) machine.start()
    for (const wire of this.wires) this.mend(wire)
    this.log('calm')
  }

  /** Whether two machines with a session are there and not cut off from each other for good. */
  isAlive(a: Ip, b: Ip): boolean {
    const isDead = (one: Ip) =>
      this.reflectors.some(({ address, speaker }) => address === one && speaker === null)
    return !isDead(a) && !isDead(b) && !this.lost.has(wireText([a, b])) && !this.lost.has(wireText([b, a]))
  }

  private happen(event: Event): void {
    switch (event.kind) {
      case 'attach':
        return this.ask(event.node, this.networks.request(event.node, event.wish))
      case 'detach':
        return this.detach(event.node, keyOf(this.networks.request(event.node, event.wish)))
      case 'leave':
        return this.leave(event.node, event.network)
      case 'move':
        return this.move(event)
      case 'retarget': {
        const requests = this.requestsOf(event.node, event.network)
        if (requests.length === 0) return
        const traits = this.networks.retarget(event.node, event.network, event.traits)
        this.log(`${this.nameOf(event.node)} changes the targets of ${event.network}`)
        for (const request of requests) this.nodes[event.node]!.attach({ ...request, ...traits })
        return
      }
      case 'restart-node':
        return this.restartNode(event)
      case 'restart-reflector': {
        const reflector = this.reflectors[event.reflector]!
        const { downMs } = event
        this.log(
          `reflector ${formatIp(reflector.address)} dies${downMs === null ? ' for good' : `, for ${downMs} ms`}`,
        )
        reflector.kill(downMs === null)
        if (downMs !== null) this.around.clock.after(downMs, () => reflector.start())
        return
      }
      case 'cut':
        this.log(`${wireText(event.wire)} are cut off${event.forGood ? ' for good' : ''}`)
        this.around.network.cut(...event.wire)
        if (event.forGood) this.lost.add(wireText(event.wire))
        return
      case 'mend':
        for (const wire of event.wires) this.mend(wire)
        return
      case 'reset':
        this.log(`${wireText(event.wire)} are reset`)
        return this.around.network.reset(...event.wire)
      case 'slow':
        this.log(`${event.latencyMs} ms between ${wireText(event.wire)}`)
        this.around.network.link(...event.wire).latencyMs = event.latencyMs
        return
      case 'meddle':
        return this.meddle(event)
      case 'refuse': {
        this.log(`the kernel of ${this.nameOf(event.node)} refuses ${event.count}`)
        return this.nodes[event.node]!.driver.fail(() => true, refusal('ENOBUFS', 'no room'), event.count)
      }
      case 'refresh':
        return this.refresh(event.wire, event.family)
      case 'reroute':
        return this.reroute(event)
      case 'new-port':
        return this.makePortAnew(event)
      case 'disconnect':
        this.log(`the kernel of ${this.nameOf(event.node)} gives no answers for a while`)
        return this.nodes[event.node]!.late?.disconnect()
      default:
        return event satisfies never
    }
  }

  private ask(node: number, request: AttachRequest): void {
    const { port, direction, gatewayIp, advertiseSubnet } = request
    const how = `${direction}, gateway ${gatewayIp === null ? '-' : formatIp(gatewayIp)}${advertiseSubnet ? ', subnet' : ''}`
    const irb = typeof port === 'string' ? '' : ` in ${port.evpn}, ${how}`
    this.log(`${this.nameOf(node)} attaches ${keyOf(request)}${irb}`)
    this.nodes[node]!.attach(request)
  }

  private detach(node: number, key: string): void {
    const { agent } = this.nodes[node]!
    if (!agent.wanted.has(key)) return
    this.log(`${this.nameOf(node)} detaches ${key}`)
    agent.detach(key)
  }

  private leave(node: number, network: string): void {
    const requests = this.requestsOf(node, network)
    if (requests.length === 0) return
    this.log(`${this.nameOf(node)} leaves ${network}`)
    for (const request of requests) this.nodes[node]!.agent.detach(keyOf(request))
  }

  private move({ from, to, wish, next, detachesFirst, handOverMs }: Move): void {
    const key = keyOf(this.networks.request(from, wish))
    const { agent } = this.nodes[from]!
    if (!agent.wanted.has(key)) return
    this.log(`${key} moves from ${this.nameOf(from)} to ${this.nameOf(to)}, within ${handOverMs} ms`)
    if (detachesFirst) this.detach(from, key)
    this.ask(to, this.networks.request(to, next))
    this.around.clock.after(handOverMs, () => this.detach(from, key))
  }

  private restartNode({ node: index, gracefully, downMs, moves, backup }: RestartNode): void {
    const node = this.nodes[index]!
    if (node.daemon === null) return
    node.kill(gracefully)
    if (moves) node.tunnelAddress = ip(`10.${1 + ++this.moves}.1.${index + 1}`)
    const to = moves ? ` and comes back as ${formatIp(node.tunnelAddress)}` : ''
    this.log(`${this.nameOf(index)} ${gracefully ? 'stops' : 'dies'}, for ${downMs} ms${to}`)
    if (backup !== undefined) {
      this.log(`${this.nameOf(index)} has an older state file`)
      node.restoreBackup(backup)
    }
    this.around.clock.after(downMs, () => node.start())
  }

  private mend(wire: Wire): void {
    if (this.lost.has(wireText(wire)) || !this.around.network.isCut(...wire)) return
    this.log(`${wireText(wire)} are joined again`)
    this.around.network.mend(...wire)
  }

  /** Something else changes the kernel. */
  private meddle({ node, link: choice, deed }: Meddle): void {
    const { driver } = this.nodes[node]!
    const { kernel } = driver
    const ours = [...kernel.links.values()].filter(({ alias }) => alias !== null)
    const link = ours[Math.floor(choice * ours.length)]
    if (link === undefined) return
    this.log(`${link.name} of ${this.nameOf(node)} is changed: ${deed}`)
    switch (deed) {
      case 'delete':
        return kernel.deleteLink(link.name)
      case 'overrun':
        return driver.overrun()
      case 'release':
        return kernel.enslave(link.name, null)
      case 'empty-ip':
        for (const { entry } of [...kernel.tables.of(link.name, link.table)]) kernel.removeEntry(entry)
        return
      case 'empty-bridge':
        for (const { entry } of [...link.remote.values(), ...kernel.tables.of(link.name, null)])
          kernel.removeEntry(entry)
        return
      case 'down':
        return kernel.changeLink(link.name, { up: false })
      case 'unmark':
        return kernel.changeLink(link.name, { alias: null })
      case 'squat': {
        kernel.deleteLink(link.name)
        const squatter = kernel.addLink(link.name, { kind: 'bridge' })
        this.around.clock.after(SQUAT_MS, () => {
          if (kernel.links.get(link.name) === squatter) kernel.deleteLink(link.name)
        })
        return
      }
      default:
        return deed satisfies never
    }
  }

  /** A VM is started anew: its interface too, with the same name. */
  private makePortAnew({ node, link: choice, afterMs }: NewPort): void {
    const { kernel } = this.nodes[node]!.driver
    const ports = [...kernel.links.keys()].filter((name) => NETWORKS.some((one) => name.startsWith(one)))
    const name = ports[Math.floor(choice * ports.length)]
    if (name === undefined) return
    this.log(`${name} of ${this.nameOf(node)} is made anew within ${afterMs} ms`)
    kernel.deleteLink(name)
    this.around.clock.after(afterMs, () => {
      if (!kernel.links.has(name)) kernel.addLink(name, { up: true })
    })
  }

  private refresh([from, to]: Wire, number: number): void {
    const node = this.nodes.find(({ address }) => address === from)
    const reflector = this.reflectors.find(({ address }) => address === from)
    const speaker = node?.daemon?.speaker ?? reflector?.speaker ?? null
    const family = FAMILIES[number]!
    if (speaker?.peers.get(to)?.requestRefresh(family) === true)
      this.log(`${formatIp(from)} asks ${formatIp(to)} for a refresh of ${['EVPN', 'VPNv4', 'RTC'][number]}`)
  }

  private reroute({ node, to, path }: Reroute): void {
    const target = this.nodes[to]!.tunnelAddress
    this.log(`the path of ${this.nameOf(node)} to ${formatIp(target)} becomes ${path}`)
    const hops: Record<Reroute['path'], NextHop> = {
      straight: { device: CORE, via: null, labels: [] },
      router: { device: CORE, via: ip('10.0.3.1'), labels: [] },
      'label-switched': { device: CORE, via: ip('10.0.3.2'), labels: [1_048_575] },
      elsewhere: { device: ELSEWHERE, via: ip('10.0.4.1'), labels: [] },
    }
    this.nodes[node]!.driver.kernel.setNextHop(target, hops[path])
  }

  private requestsOf(node: number, network: string): AttachRequest[] {
    return [...this.nodes[node]!.agent.wanted.values()].filter(({ instanceId }) => instanceId === network)
  }

  private nameOf(node: number): string {
    return formatIp(this.nodes[node]!.address)
  }
}
