import { request } from '../../../src/client.ts'
import { type LabDaemon, startChanter, startChanterReflector } from '../../../src/lab/chanter.ts'
import { run } from '../../../src/lab/command.ts'
import { Lab } from '../../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost, UNDERLAY, type Vm } from '../../../src/lab/network.ts'
import { formatMac } from '../../../src/values/mac.ts'
import { Captures } from '../../support/isolation/captures.ts'
import { arrives, broadcastMarker, type Environment, type Marker } from '../../support/isolation/matrix.ts'
import { addressOf, type Family } from '../../support/isolation/vantage.ts'
import { Socket } from '../../support/sockets.ts'

const AS = 64512
const MACHINE = { ipv4: '10.88.0.1', ipv6: 'fd88::1' }
export const nodeAddresses = (n: number) => ({ ipv4: `10.88.0.1${n}`, ipv6: `fd88::1${n}` })

/** An EVPN instance, on a bridge of ours or on one that the agent made. */
export interface Network {
  readonly vpn: string
  readonly vni: number
  readonly bridge?: string
  /** By their numbers; those from 10 on are at the second node. */
  readonly vms: readonly number[]
}

export const OWN: Network = { vpn: 'net1', vni: 100, vms: [1, 2, 11] }
export const EXTERNAL: Network = { vpn: 'net3', vni: 300, bridge: 'brq3', vms: [3, 4, 13] }
const OTHER: Network = { vpn: 'net2', vni: 200, vms: [5, 15] }
/** On a bridge that no daemon has to do with. */
const PLAIN: Network = { vpn: 'plain', vni: 900, bridge: 'plain0', vms: [8, 9, 18] }
/** Was in the first network until it was detached. */
const DETACHED: Network = { vpn: 'none', vni: 0, vms: [7] }

/** What takes away what router advertisements and ICMP messages have set. */
const RECOVERY = [
  'route flush cache',
  '-6 route flush cache',
  '-6 route flush proto ra',
  '-6 addr flush dynamic',
]

/** The difference between frames of VMs and those of hosts. */
const VM_MACS = Buffer.from('02000000', 'hex')

/** Two nodes, their reflector, and VMs of three EVPN instances, of a bridge without a VPN, and of none. */
export class BridgeLab {
  readonly lab = new Lab()
  readonly family: Family
  readonly hosts: LabHost[] = []
  readonly captures: () => Captures
  private readonly daemons: LabDaemon[] = []
  private readonly vms = new Map<number, Vm>()
  private readonly sockets: Socket[] = []
  private watching: Captures | undefined

  constructor(family: Family) {
    this.family = family
    this.captures = () => this.watching!
  }

  /** Calls `beforeAttach` for each VM when it is there. */
  async start(beforeAttach: (n: number) => void = () => undefined): Promise<void> {
    const { lab, hosts } = this
    const reflector = await addReflector(lab, MACHINE.ipv4)
    await ip(reflector.namespace, `addr add ${MACHINE.ipv6}/64 dev ${UNDERLAY} nodad`)
    for (const n of [1, 2]) {
      const host = await addNode(lab, reflector, `node${n}`, nodeAddresses(n).ipv4)
      await ip(host.namespace, `addr add ${nodeAddresses(n).ipv6}/64 dev eth0 nodad`)
      await ip(host.namespace, `route add default via ${MACHINE.ipv4}`)
      await ip(host.namespace, `route add default via ${MACHINE.ipv6}`)
      for (const { bridge, vni } of [EXTERNAL, PLAIN])
        await ip(host.namespace, `link add ${bridge} up address 0e:00:00:00:0${n}:0${vni / 100} type bridge`)
      await this.addPlainTunnel(host, n)
      hosts.push(host)
    }
    for (const network of [OWN, OTHER, EXTERNAL, PLAIN, DETACHED])
      for (const n of network.vms) await this.addVm(n, network.bridge)
    for (const n of this.vms.keys()) beforeAttach(n)
    await startChanterReflector(lab, reflector, AS)
    this.daemons.push(...(await Promise.all(hosts.map((host, i) => this.startDaemon(host, i + 1)))))
    for (const network of [OWN, OTHER, EXTERNAL])
      for (const n of network.vms) await this.change('attach', network, n)
    for (const what of ['attach', 'detach'] as const) await this.change(what, OWN, DETACHED.vms[0]!)
    for (const network of [OWN, OTHER, EXTERNAL, PLAIN]) {
      const marker = this.marker(network)
      await lab.eventually(`what VMs of ${network.vpn} send arrives`, async () => ({
        value: await arrives(marker, 1),
      }))
    }
    for (const { namespace } of hosts)
      await lab.eventually(`no address of ${namespace} is tentative`, async () => {
        const tentative = await ip(namespace, '-6 addr show tentative')
        return tentative === '' ? { value: true } : { seen: tentative }
      })
    this.watch()
  }

  async environments(): Promise<Environment[]> {
    const detached = await this.environment('detached port', DETACHED)
    return [
      await this.environment('own bridge', OWN),
      await this.environment('external bridge', EXTERNAL),
      { ...detached, marker: this.marker(OWN) },
    ]
  }

  /** A bridge of Linux as it is, which shows what the others are protected from. */
  plainBridge(): Promise<Environment> {
    return this.environment('plain bridge', PLAIN)
  }

  /** Forgets what the nodes were made to believe. */
  async recover(): Promise<void> {
    for (const { namespace } of this.hosts) for (const words of RECOVERY) await ip(namespace, words)
  }

  vm(n: number): Vm {
    return this.vms.get(n)!
  }

  hostOf(n: number): LabHost {
    return this.hosts[n < 10 ? 0 : 1]!
  }

  /** A socket that sees what a VM receives, and by which it sends. */
  socketOf(n: number): Socket {
    const socket = Socket.ofInterface(this.vm(n).namespace, 'eth0')
    this.sockets.push(socket)
    return socket
  }

  /** Attaches or detaches a VM with both its addresses, or with others. */
  async change(
    what: 'attach' | 'detach',
    { vpn, vni, bridge }: Network,
    n: number,
    addresses: readonly string[] = [`${addressesOf(n).ipv4}/24`, `${addressesOf(n).ipv6}/64`],
  ): Promise<void> {
    const { mac, port } = this.vm(n)
    for (const address of addresses) {
      const body = {
        vpn_instance_id: vpn,
        vpn_type: 'evpn',
        import_rt: [`64512:${vni}`],
        export_rt: [`64512:${vni}`],
        mac_address: formatMac(mac),
        ip_address: address,
        local_port: { linuxif: port },
        vni,
        ...(bridge === undefined ? {} : { linuxbr: bridge }),
      }
      const answer = await request(this.daemons[n < 10 ? 0 : 1]!.api, `/${what}_localport`, body)
      if (answer.status !== 200) throw new Error(`${what}: ${answer.status} ${answer.body}`)
    }
  }

  /** Ends the daemon of a node with a signal, and starts it again. */
  async restart(n: number, signal: NodeJS.Signals): Promise<void> {
    await this.daemons[n - 1]!.process.stop(signal)
    this.daemons[n - 1] = await this.startDaemon(this.hosts[n - 1]!, n)
  }

  async bridgeOf(n: number): Promise<string> {
    return (await linkOf(this.hostOf(n).namespace, this.vm(n).port)).master!
  }

  close(): void {
    for (const socket of this.sockets) socket.close()
    this.watching?.close()
    this.lab.close()
  }

  private async addVm(n: number, bridge: string | undefined): Promise<void> {
    const host = this.hostOf(n)
    const vm = await addVm(this.lab, host, `vm${n}`, 0x020000000000 + n, `${addressesOf(n).ipv4}/24`)
    await ip(vm.namespace, `addr add ${addressesOf(n).ipv6}/64 dev eth0 nodad`)
    if (bridge !== undefined) await ip(host.namespace, `link set ${vm.port} master ${bridge}`)
    this.vms.set(n, vm)
  }

  private async addPlainTunnel({ namespace }: LabHost, n: number): Promise<void> {
    const [local, remote] = [n, 3 - n].map((one) => addressOf(nodeAddresses(one), this.family))
    const ends = `local ${local} remote ${remote} dstport 4789 nolearning`
    await ip(namespace, `link add vx-plain up master ${PLAIN.bridge} type vxlan id ${PLAIN.vni} ${ends}`)
  }

  private startDaemon(host: LabHost, n: number): Promise<LabDaemon> {
    return startChanter(this.lab, host, {
      BGP: { peers: MACHINE.ipv4, my_as: AS, connect_retry_time: 1 },
      DATAPLANE_DRIVER_EVPN: { dataplane_local_address: addressOf(nodeAddresses(n), this.family) },
    })
  }

  private watch(): void {
    this.watching = new Captures(
      this.hosts.map(({ namespace }, i) => ({ namespace, device: 'eth0', other: nodeAddresses(2 - i) })),
    )
    for (const { vpn, vms } of [OWN, OTHER, EXTERNAL, PLAIN, DETACHED])
      for (const n of vms) this.watching.watch({ vpn, socket: this.socketOf(n) })
  }

  /** From the second VM of a network to all others but the first, which sends what is judged. */
  private marker({ vms }: Network): Marker {
    const [, from, ...more] = vms
    const sender = from ?? vms[0]!
    const witnesses = more.length > 0 ? more : [vms[0]!]
    return broadcastMarker(
      this.socketOf(sender),
      formatMac(this.vm(sender).mac),
      witnesses.map((n) => this.socketOf(n)),
    )
  }

  private async environment(name: string, network: Network): Promise<Environment> {
    const { vpn, vni, vms } = network
    const [n] = vms as [number]
    const { namespace } = this.hostOf(n)
    const port = await linkOf(namespace, this.vm(n).port)
    const host = port.master === undefined ? port : await linkOf(namespace, port.master)
    const mac = formatMac(this.vm(n).mac)
    const macBytes = Buffer.from(mac.replaceAll(':', ''), 'hex')
    return {
      name,
      vantage: {
        underlay: this.family,
        vm: { mac, ...addressesOf(n) },
        hostMac: host.address,
        portMac: port.address,
        gateway: addressesOf(254),
        node: nodeAddresses(1),
        otherNode: nodeAddresses(2),
        machine: MACHINE,
        otherVni: OTHER.vni,
      },
      origin: {
        vpn,
        vni: vni === 0 ? null : vni,
        socket: this.socketOf(n),
        isAnswer: (frame) => frame.subarray(0, 6).equals(macBytes) && !frame.subarray(6, 10).equals(VM_MACS),
      },
      marker: this.marker(network),
    }
  }
}

export const addressesOf = (n: number) => ({ ipv4: `192.168.10.${n}`, ipv6: `fd00:10::${n}` })

interface Link {
  readonly address: string
  readonly master?: string
}

async function linkOf(namespace: string, device: string): Promise<Link> {
  const [link] = JSON.parse(await ip(namespace, `-json link show ${device}`)) as Link[]
  return link!
}

/** Runs a command of `ip` whose words hold no spaces. */
export function ip(namespace: string, words: string): Promise<string> {
  return run('ip', '-n', namespace, ...words.split(' '))
}
