import { formatIp, type Ip } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { keyOf } from './agent.ts'
import type { Node, Reflector, Surroundings } from './machines.ts'
import { ENDPOINTS, EVPNS, endpointOf, IP_VPNS, NETWORKS, Networks } from './networks.ts'
import type { Random } from './random.ts'

/** What happens to a network. */
export class Storm {
  private readonly random: Random
  private readonly around: Surroundings
  private readonly nodes: readonly Node[]
  private readonly reflectors: readonly Reflector[]
  private readonly tell: (text: string) => void
  private readonly networks: Networks

  constructor(
    around: Surroundings,
    nodes: readonly Node[],
    reflectors: readonly Reflector[],
    tell: (text: string) => void,
  ) {
    this.random = around.random
    this.networks = new Networks(around.random)
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
      this.plug,
      this.plug,
      this.plug,
      this.detach,
      this.detach,
      this.leave,
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
    const [network, endpoint] = [this.random.pick(NETWORKS), this.random.between(1, ENDPOINTS)]
    this.ask(node, this.networks.endpoint(node.address, network, endpoint))
  }

  /** An endpoint of an EVPN instance is attached to an IP VPN as well, mostly where the instance has endpoints; or it is again, otherwise. */
  private readonly plug = (): void => {
    const node = this.random.pick(this.nodes)
    const plugged = [...node.agent.wanted.values()].filter(({ port }) => typeof port !== 'string')
    if (plugged.length > 0 && this.random.chance(0.4)) return this.plugAs(node, this.random.pick(plugged))
    const present = EVPNS.filter((network) => this.keysOf(node, network).length > 0)
    const evpn = this.random.pick(present.length > 0 && this.random.chance(0.8) ? present : EVPNS)
    this.plugIn(node, this.random.pick(IP_VPNS), evpn, this.random.between(1, ENDPOINTS))
  }

  private readonly detach = (): void => {
    const node = this.random.pick(this.nodes)
    const keys = [...node.agent.wanted.keys()]
    if (keys.length === 0) return
    const key = this.random.pick(keys)
    this.tell(`${formatIp(node.address)} detaches ${key}`)
    node.agent.detach(key)
  }

  /** All endpoints of a network go from a node; they may be in IP VPNs yet. */
  private readonly leave = (): void => {
    const node = this.random.pick(this.nodes)
    const network = this.random.pick(NETWORKS)
    this.tell(`${formatIp(node.address)} leaves ${network}`)
    for (const key of this.keysOf(node, network)) node.agent.detach(key)
  }

  /** A virtual machine migrates: it is attached at its new place before or after it is detached at the old one. */
  private readonly move = (): void => {
    const from = this.random.pick(this.nodes)
    const [key, request] = [...from.agent.wanted][0] ?? []
    if (key === undefined || request === undefined) return
    const to = this.random.pick(this.nodes)
    if (to === from) return
    if (this.random.chance(0.5)) from.agent.detach(key)
    const { instanceId, port } = request
    if (typeof port !== 'string') this.plugAs(to, request)
    else this.ask(to, this.networks.endpoint(to.address, instanceId, endpointOf(request)))
    this.around.clock.after(this.random.between(0, 3000), () => from.agent.detach(key))
    this.tell(`${key} moves from ${formatIp(from.address)} to ${formatIp(to.address)}`)
  }

  private readonly retarget = (): void => {
    const node = this.random.pick(this.nodes)
    const network = this.random.pick(NETWORKS)
    const requests = [...node.agent.wanted.values()].filter(({ instanceId }) => instanceId === network)
    if (requests.length === 0) return
    const traits = this.networks.retarget(node.address, network)
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
      () => driver.kernel.enslave(link.name, null),
      () => {
        for (const { entry } of [...driver.kernel.ip.of(link.name, link.table)])
          driver.kernel.removeEntry(entry)
      },
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

  private plugIn(node: Node, vpn: string, evpn: string, endpoint: number): void {
    this.ask(node, this.networks.plug(node.address, vpn, evpn, endpoint))
  }

  /** The same endpoint in the same networks, with other traits. */
  private plugAs(node: Node, request: AttachRequest): void {
    const { port, instanceId } = request
    if (typeof port !== 'string') this.plugIn(node, instanceId, port.evpn, endpointOf(request))
  }

  private ask(node: Node, request: AttachRequest): void {
    const { port, direction, gatewayIp, advertiseSubnet } = request
    const how = `${direction}, gateway ${gatewayIp === null ? '-' : formatIp(gatewayIp)}${advertiseSubnet ? ', subnet' : ''}`
    const plugged = typeof port === 'string' ? '' : ` in ${port.evpn}, ${how}`
    this.tell(`${formatIp(node.address)} attaches ${keyOf(request)}${plugged}`)
    node.attach(request)
  }

  private keysOf({ agent }: Node, network: string): string[] {
    return [...agent.wanted].filter(([, { instanceId }]) => instanceId === network).map(([key]) => key)
  }

  private wires(): (readonly [Ip, Ip])[] {
    const all = [...this.reflectors, ...this.nodes].map(({ address }) => address)
    return all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const))
  }
}
