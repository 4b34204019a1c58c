import { readFileSync } from 'node:fs'
import { PROTOCOL, VXLAN_PORT } from '../frames.ts'
import { Socket, within } from '../sockets.ts'
import { INTERNET, LINK_ETHERTYPES, SERVICE_PORT, UDP_PORTS } from './host-sendings.ts'
import { Paths } from './paths.ts'
import type { Addresses } from './vantage.ts'

/** How often something that a VM sent arrived where it must not, and what it changed there. */
export interface Harm {
  /** Frames at VMs of other VPNs, on any node. */
  readonly otherTenants: number
  /** Packets that the IP stack of a node took to be for itself, frames that a node handed to another protocol. */
  readonly stack: number
  /** Datagrams at services of a node, and connections. */
  readonly services: number
  /** Frames that the nodes themselves sent to the VM. */
  readonly answers: number
  /** Packets that left a node, or came to one, outside of the VPN's tunnels. */
  readonly underlay: number
  /** What is otherwise than before of addresses, routes, path MTUs and hop limits of the nodes. */
  readonly changes: readonly string[]
}

const KINDS = ['otherTenants', 'stack', 'services', 'answers', 'underlay', 'changes'] as const

/** For the reader of a test: `nothing`, or where how much arrived. */
export function inWords(harm: Harm, kinds: readonly (keyof Harm)[] = KINDS): string {
  const words = kinds.map((kind) => {
    const found = harm[kind]
    return typeof found === 'number' ? found > 0 && `${kind} ${found}` : found.join(', ')
  })
  return words.filter(Boolean).join(', ') || 'nothing'
}

/** A VM whose frames are observed. */
export interface Watched {
  readonly vpn: string
  readonly socket: Socket
}

/** An observed node. */
export interface WatchedNode {
  readonly namespace: string
  /** Its interface of the underlay. */
  readonly device: string
  /** The other node, whose path is watched. */
  readonly other: Addresses
}

/** What tells of the sender: its VPN and what its packets look like between the nodes. */
export interface Origin {
  readonly vpn: string
  /** The VNI of its tunnels, where its VPN has one. */
  readonly vni: number | null
  readonly socket: Socket
  /** Whether a frame that the VM received was sent by the node itself, in its own name. */
  readonly isAnswer: (frame: Buffer) => boolean
}

/** All places where nothing of a VM may arrive. */
export class Captures {
  private readonly vms: Watched[] = []
  private readonly stack: Socket[] = []
  private readonly services: Socket[] = []
  private readonly listeners: Socket[] = []
  private readonly underlay: Socket[] = []
  private readonly nodes: readonly WatchedNode[]
  private readonly paths: readonly Paths[]
  /** The last value; null if it has to be read again. */
  private state: string[] | null = null

  constructor(nodes: readonly WatchedNode[]) {
    this.nodes = nodes
    this.paths = nodes.map(({ namespace }) => new Paths(namespace))
    for (const { namespace, device } of nodes) {
      for (const protocol of [PROTOCOL.icmp, PROTOCOL.igmp, PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.gre])
        this.stack.push(Socket.raw(namespace, 'IPv4', protocol))
      for (const protocol of [PROTOCOL.icmpv6, PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.gre])
        this.stack.push(Socket.raw(namespace, 'IPv6', protocol))
      for (const type of LINK_ETHERTYPES) this.stack.push(Socket.ofProtocol(namespace, type))
      for (const port of UDP_PORTS) this.services.push(Socket.udpService(namespace, port))
      this.listeners.push(Socket.tcpService(namespace, SERVICE_PORT))
      this.underlay.push(Socket.ofInterface(namespace, device, { outgoing: true }))
    }
  }

  watch(vm: Watched): void {
    this.vms.push(vm)
  }

  /** The nodes were changed by other means than packets. */
  accept(): void {
    this.state = null
  }

  /** Forgets what arrived until now. */
  reset(): void {
    for (const socket of this.all()) socket.take()
    for (const listener of this.listeners) listener.connections()
    this.state ??= this.look()
  }

  /** What arrived since, of what carries the mark. */
  harm(mark: Buffer, { vpn, vni, socket, isAnswer }: Origin): Harm {
    const count = (sockets: readonly Socket[], isHarm: (bytes: Buffer) => boolean) =>
      sockets.flatMap((one) => one.take()).filter(isHarm).length
    const marked = (bytes: Buffer) => bytes.includes(mark)
    const stray = (bytes: Buffer) => marked(bytes) && !isTunnelled(bytes, vni)
    const before = this.state ?? []
    const after = this.look()
    const changes = [
      ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
      ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
    ]
    if (changes.length > 0) this.state = null
    const connections = this.listeners.reduce((sum, listener) => sum + listener.connections(), 0)
    return {
      otherTenants: count(
        this.vms.filter((vm) => vm.vpn !== vpn).map((vm) => vm.socket),
        marked,
      ),
      stack: count(this.stack, stray),
      services: count(this.services, marked) + connections,
      answers: count([socket], isAnswer),
      underlay: count(this.underlay, stray),
      changes,
    }
  }

  close(): void {
    for (const socket of [...this.all(), ...this.listeners, ...this.paths]) socket.close()
  }

  private all(): Socket[] {
    return [...this.vms.map(({ socket }) => socket), ...this.stack, ...this.services, ...this.underlay]
  }

  private look(): string[] {
    return this.nodes.flatMap((node, i) =>
      stateOf(node, this.paths[i]!).map((line) => `${node.namespace}: ${line}`),
    )
  }
}

/** Whether a packet, with or without its headers up to UDP, is in VXLAN of this VNI. */
function isTunnelled(bytes: Buffer, vni: number | null): boolean {
  if (vni === null) return false
  const header = Buffer.alloc(8)
  header.writeUInt32BE(0x08000000, 0)
  header.writeUInt32BE(vni << 8, 4)
  const at = bytes.indexOf(header)
  // UDP's header stands before it: ports, length and checksum.
  return at >= 8 && bytes.readUInt16BE(at - 6) === VXLAN_PORT
}

/** What network configuration protocols change of a machine, a line each. */
function stateOf({ namespace, other }: WatchedNode, paths: Paths): string[] {
  return within(namespace, () => [
    ...table('if_inet6').map(([address, , length, , , device]) => `address ${address}/${length} ${device}`),
    ...table('ipv6_route').map(
      ([to, length, , , via, , , , , device]) => `route ${to}/${length} ${via} ${device}`,
    ),
    ...[other.ipv4, other.ipv6, INTERNET.ipv4].map((address) => paths.to(address)),
    ...paths.parameters(),
  ])
}

function table(name: string): string[][] {
  const text = readFileSync(`/proc/thread-self/net/${name}`, 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
}
