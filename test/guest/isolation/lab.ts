import { request } from '../../../src/client.ts'
import type { LabDaemon } from '../../../src/lab/chanter.ts'
import type { LabHost } from '../../../src/lab/network.ts'
import { formatMac } from '../../../src/values/mac.ts'
import { ipBytes, packetFrame, udp } from '../../support/frames.ts'
import { Captures } from '../../support/isolation/captures.ts'
import { arrives, broadcastMarker, type Environment, type Marker } from '../../support/isolation/matrix.ts'
import { type Addresses, addressOf, type Family } from '../../support/isolation/vantage.ts'
import { Socket } from '../../support/sockets.ts'
import { attach, type Customer, detach, Fleet } from '../fleet.ts'
import { ip, runIn } from '../network.ts'

export const MACHINE = { ipv4: '10.88.0.1', ipv6: 'fd88::1' }
const nodeAddresses = (n: number) => ({ ipv4: `10.88.0.1${n}`, ipv6: `fd88::1${n}` })

/** VNIs of the EVPN instances; that of the second is another tenant's. */
const [VNI, OTHER_VNI] = [100, 200]
const MARKER_PORT = 7124

/** VMs by their numbers; those from 10 on are at the second node. The subnet says which VPN they are of. */
export const VPNS = {
  red: [1, 2, 11],
  blue: [3, 13],
  routed: [4, 5, 14],
  net2: [6, 16],
  detached: [7],
  plain: [8, 9],
} as const
export type Vpn = keyof typeof VPNS

/** Two nodes with VMs of two IP VPNs, of an EVPN instance that is joined to a third, of another one, and of none. */
export class VrfLab {
  readonly fleet = new Fleet('10.88.0.')
  readonly family: Family
  readonly hosts: LabHost[] = []
  readonly daemons: LabDaemon[] = []
  private readonly customers = new Map<number, Customer>()
  private readonly sockets: Socket[] = []
  private watching: Captures | undefined

  constructor(family: Family) {
    this.family = family
  }

  async start(): Promise<void> {
    const { fleet } = this
    ip(fleet.reflector.namespace, `address add ${MACHINE.ipv6}/64 dev core nodad`)
    for (const n of [1, 2]) {
      const host = fleet.addHost(`pe${n}`, 10 + n)
      ip(
        host.namespace,
        `address add ${nodeAddresses(n).ipv6}/64 dev core nodad`,
        `route add default via ${MACHINE.ipv4}`,
        `route add default via ${MACHINE.ipv6}`,
      )
      this.hosts.push(host)
    }
    for (const [subnet, numbers] of Object.values(VPNS).entries())
      for (const n of numbers) this.customers.set(n, fleet.addCustomer(this.hostOf(n), n, subnet))
    const [one, two] = this.hosts as [LabHost, LabHost]
    this.daemons.push(await this.startDaemon(one, two, 1), await this.startDaemon(two, one, 2))
    for (const vpn of ['red', 'blue'] as const) for (const n of VPNS[vpn]) await this.attachTo(vpn, n)
    await this.attachTo('red', VPNS.detached[0])
    await detach(this.daemons[0]!, this.customer(VPNS.detached[0]), 'red')
    for (const n of VPNS.routed) {
      await this.change('attach', n, 'evpn', 'network', VNI)
      await this.change('attach', n, 'ipvpn', 'routed')
    }
    for (const n of VPNS.net2) await this.change('attach', n, 'evpn', 'net2', OTHER_VNI)
    for (const { namespace } of this.hosts)
      await fleet.lab.eventually(`no address of ${namespace} is tentative`, async () => {
        const tentative = runIn(namespace, 'ip -6 address show tentative')
        return tentative === '' ? { value: true } : { seen: tentative }
      })
    this.watch()
    for (const marker of [this.routedMarker(), this.bridgedMarker()])
      await fleet.lab.eventually('what VMs send arrives', async () => ({ value: await arrives(marker, 1) }))
  }

  get captures(): Captures {
    return this.watching!
  }

  environments(): Environment[] {
    const [vrf, detached, irb] = [VPNS.red[0], VPNS.detached[0], VPNS.routed[0]]
    const { namespace } = this.hosts[0]!
    const bridge = linkOf(namespace, this.customer(irb).port).master!
    return [
      this.environment('VRF', 'red', vrf, this.portMac(vrf), this.routedMarker()),
      this.environment('IRB, by the gateway', 'routed', irb, this.gatewayMac(irb), this.bridgedMarker()),
      this.environment(
        'IRB, by the bridge',
        'routed',
        irb,
        linkOf(namespace, bridge).address,
        this.bridgedMarker(),
      ),
      this.environment('detached port', 'detached', detached, this.portMac(detached), this.routedMarker()),
    ]
  }

  /** Ports that no daemon has to do with, which show what others are protected from: one in no VRF, and one in a VRF made by hand. */
  async unprotected(): Promise<{ readonly port: Environment; readonly vrf: Environment }> {
    const { namespace } = this.hosts[0]!
    const [outside, inVrf] = VPNS.plain
    const { port, subnets } = this.customer(inVrf)
    ip(
      namespace,
      'link add plain up type vrf table 99',
      'route add unreachable default metric 4278198272 table 99',
      `link set ${port} master plain`,
      ...subnets.map(
        ({ gateway }) => `address add ${gateway}/${gateway.includes(':') ? '64 nodad' : 24} dev ${port}`,
      ),
    )
    runIn(namespace, 'ip -6 route add unreachable default metric 4278198272 table 99')
    await this.fleet.lab.eventually(`${port} has a link-local address in its VRF`, async () => {
      const seen = runIn(namespace, `ip -6 address show dev ${port} scope link`)
      return seen.includes('fe80') && !seen.includes('tentative') ? { value: seen } : { seen }
    })
    const marker = this.routedMarker()
    return {
      port: this.environment('plain port', 'plain', outside, this.portMac(outside), marker),
      vrf: this.environment('plain VRF', 'plain', inVrf, this.portMac(inVrf), marker),
    }
  }

  customer(n: number): Customer {
    return this.customers.get(n)!
  }

  hostOf(n: number): LabHost {
    return this.hosts[n < 10 ? 0 : 1]!
  }

  daemonOf(n: number): LabDaemon {
    return this.daemons[n < 10 ? 0 : 1]!
  }

  attachTo(vpn: 'red' | 'blue', n: number): Promise<void> {
    const target = `64512:${vpn === 'red' ? 10 : 20}`
    return attach(this.daemonOf(n), this.customer(n), { imports: [target], exports: [target] }, vpn)
  }

  socketOf(n: number): Socket {
    const socket = Socket.ofInterface(this.customer(n).namespace, 'eth0')
    this.sockets.push(socket)
    return socket
  }

  /** Forgets what the nodes were made to believe. */
  recover(): void {
    for (const { namespace } of this.hosts) {
      ip(namespace, 'route flush cache')
      for (const words of ['route flush cache', 'route flush proto ra', 'addr flush dynamic'])
        runIn(namespace, `ip -6 ${words}`)
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.close()
    this.watching?.close()
    this.fleet.lab.close()
  }

  private startDaemon(host: LabHost, peer: LabHost, n: number): Promise<LabDaemon> {
    const dataplane_local_address = addressOf(nodeAddresses(n), this.family)
    return this.fleet.startDaemon(host, [peer], {
      DATAPLANE_DRIVER_EVPN: { dataplane_local_address },
      DATAPLANE_DRIVER_IPVPN: { mpls_interface: '*gre*', dataplane_local_address },
    })
  }

  async change(
    what: 'attach' | 'detach',
    n: number,
    type: 'evpn' | 'ipvpn',
    instance: string,
    vni?: number,
  ): Promise<void> {
    const { mac, port, subnets } = this.customer(n)
    const target = `64512:${vni ?? 30}`
    for (const { address, gateway } of subnets) {
      const answer = await request(this.daemonOf(n).api, `/${what}_localport`, {
        vpn_instance_id: instance,
        vpn_type: type,
        import_rt: [target],
        export_rt: [target],
        mac_address: formatMac(mac),
        ip_address: address,
        gateway_ip: gateway,
        local_port: type === 'evpn' ? { linuxif: port } : { evpn: { id: 'network' } },
        ...(vni === undefined ? {} : { vni }),
      })
      if (answer.status !== 200) throw new Error(`${what}: ${answer.status} ${answer.body}`)
    }
  }

  private watch(): void {
    this.watching = new Captures(
      this.hosts.map(({ namespace }, i) => ({ namespace, device: 'core', other: nodeAddresses(2 - i) })),
    )
    for (const [vpn, numbers] of Object.entries(VPNS))
      for (const n of numbers) this.watching.watch({ vpn, socket: this.socketOf(n) })
  }

  private environment(name: string, vpn: Vpn, n: number, hostMac: string, marker: Marker): Environment {
    const mac = formatMac(this.customer(n).mac)
    return {
      name,
      vantage: {
        underlay: this.family,
        vm: { mac, ...addressesOf(this.customer(n)) },
        hostMac,
        portMac: this.portMac(n),
        gateway: gatewaysOf(this.customer(n)),
        node: nodeAddresses(1),
        otherNode: nodeAddresses(2),
        machine: MACHINE,
        otherVni: OTHER_VNI,
      },
      origin: { vpn, vni: vpn === 'routed' ? VNI : null, socket: this.socketOf(n), isAnswer: isOfUnderlay },
      marker,
    }
  }

  /** Between VMs of the IP VPN, by the node and to the other node. */
  private routedMarker(): Marker {
    const [near, from, far] = VPNS.red
    const source = this.customer(from)
    const gatewayMac = this.portMac(from)
    const ends = [near, far].map((to) => ({
      from: addressesOf(source).ipv4,
      to: addressesOf(this.customer(to)).ipv4,
    }))
    return {
      socket: this.socketOf(from),
      frames: (mark) =>
        ends.map((path) =>
          packetFrame(gatewayMac, formatMac(source.mac), udp(path, MARKER_PORT, MARKER_PORT, mark)),
        ),
      witnesses: [near, far].map((n) => this.socketOf(n)),
    }
  }

  private bridgedMarker(): Marker {
    const [, from, far] = VPNS.routed
    return broadcastMarker(this.socketOf(from), formatMac(this.customer(from).mac), [this.socketOf(far)])
  }

  portMac(n: number): string {
    return linkOf(this.hostOf(n).namespace, this.customer(n).port).address
  }

  private gatewayMac(n: number): string {
    const { namespace } = this.hostOf(n)
    const [veth] = links(namespace).filter(({ ifname }) => ifname.startsWith('vrf2e--'))
    return veth!.address
  }
}

export function addressesOf({ subnets }: Customer): Addresses {
  const [ipv4, ipv6] = subnets.map(({ address }) => address.split('/')[0]!)
  return { ipv4: ipv4!, ipv6: ipv6! }
}

function gatewaysOf({ subnets }: Customer): Addresses {
  return { ipv4: subnets[0]!.gateway, ipv6: subnets[1]!.gateway }
}

const [UNDERLAY4, UNDERLAY6] = [ipBytes('10.88.0.0').subarray(0, 3), ipBytes('fd88::').subarray(0, 8)]

/** Whether the node answers in its own name; the gateway and the VRF answer in others. */
function isOfUnderlay(frame: Buffer): boolean {
  const type = frame.readUInt16BE(12)
  if (type === 0x0806) return frame.subarray(28, 31).equals(UNDERLAY4)
  if (type === 0x0800) return frame.subarray(26, 29).equals(UNDERLAY4)
  return type === 0x86dd && frame.subarray(22, 30).equals(UNDERLAY6)
}

interface Link {
  readonly ifname: string
  readonly address: string
  readonly master?: string
}

function links(namespace: string): Link[] {
  return JSON.parse(runIn(namespace, 'ip -json link'))
}

function linkOf(namespace: string, device: string): Link {
  return links(namespace).find(({ ifname }) => ifname === device)!
}
