import { request } from '../../src/client.ts'
import { type DaemonSettings, type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import type { LabHost, Vm } from '../../src/lab/network.ts'
import { formatMac } from '../../src/values/mac.ts'
import { addVeth, ip, runIn } from './network.ts'

export const AS = 64512

/** A customer: a VM of one IPv4 and one IPv6 subnet, whose gateways its provider edge plays. */
export interface Customer extends Vm {
  readonly home: LabHost
  readonly subnets: readonly Subnet[]
}

interface Subnet {
  /** With prefix length. */
  readonly address: string
  readonly gateway: string
}

/** Machines on one link, `core` as each of them calls it. This thread is where the link is, and so reaches them all. */
export class Fleet {
  readonly lab = new Lab()
  /** The machine that the others are joined at. */
  readonly reflector: LabHost
  private readonly network: string

  /** `network` is what the machines' addresses begin with, such as `10.77.0.`. */
  constructor(network: string) {
    this.network = network
    const namespace = this.lab.addNamespace('rr')
    this.reflector = { name: 'rr', namespace, address: `${network}1` }
    ip(namespace, 'link add core up type bridge forward_delay 0', this.addressing(1))
    this.lab.enter(namespace)
  }

  /** The machine number `n`, from 2 on. */
  addHost(name: string, n: number): LabHost {
    const namespace = this.lab.addNamespace(name)
    addVeth([namespace, 'core'], [this.reflector.namespace, `to-${name}`])
    ip(this.reflector.namespace, `link set to-${name} master core`)
    ip(namespace, this.addressing(n))
    return { name, namespace, address: `${this.network}${n}` }
  }

  /** A VM whose addresses end in `n`, in subnets that have `subnet` in them. */
  addCustomer(home: LabHost, n: number, subnet: number): Customer {
    const name = `vm${n}`
    const namespace = this.lab.addNamespace(name)
    const mac = 0x020000000100 + n
    const subnets = [
      { address: `10.0.${subnet}.${n}/24`, gateway: `10.0.${subnet}.254` },
      { address: `2001:db8:${subnet}::${n}/64`, gateway: `2001:db8:${subnet}::ffff` },
    ]
    const port = `tap${n}`
    addVeth([home.namespace, port], [namespace, 'eth0'])
    ip(
      namespace,
      `link set eth0 address ${formatMac(mac)}`,
      ...subnets.map(({ address }) => `address add ${address} dev eth0${nodad(address)}`),
      ...subnets.map(({ gateway }) => `route add default via ${gateway}`),
    )
    return { name, namespace, mac, address: subnets[0]!.address, port, home, subnets }
  }

  /** A daemon with these neighbours, whose labelled packets go by the link itself. */
  startDaemon(host: LabHost, peers: readonly LabHost[], settings: DaemonSettings = {}): Promise<LabDaemon> {
    const addresses = peers.map(({ address }) => address).join(',')
    return startChanter(this.lab, host, {
      ...settings,
      BGP: { peers: addresses, my_as: AS, connect_retry_time: 1, ...settings['BGP'] },
      DATAPLANE_DRIVER_IPVPN: {
        dataplane_driver: 'linux',
        mpls_interface: 'core',
        ...settings['DATAPLANE_DRIVER_IPVPN'],
      },
    })
  }

  /** Waits until all addresses of one customer answer the other. */
  async reaches(from: Customer, to: Customer, seconds = 30): Promise<void> {
    for (const { address } of to.subnets) await this.reachesAddress(from, address.split('/')[0]!, seconds)
  }

  async reachesAddress(from: Vm, address: string, seconds = 30): Promise<void> {
    await this.lab.eventually(
      `${from.name} reaches ${address}`,
      async () => ({ value: runIn(from.namespace, `ping -c 3 -i 0.1 -W 1 ${address}`) }),
      seconds,
    )
  }

  /** What the only VRF of a machine says of a prefix, once it has as many ways as that; none: nothing at all. */
  async waysTo(host: LabHost, prefix: string, count: number, seconds = 30): Promise<string> {
    const family = prefix.includes(':') ? '-6' : '-4'
    return this.lab.eventually(
      `${host.name} has ${count} ways to ${prefix}`,
      async () => {
        const shown = runIn(host.namespace, `ip ${family} route show table all proto 19 ${prefix}`)
        const paths = shown.match(/encap mpls/g)?.length ?? 0
        return paths === count ? { value: shown } : { seen: shown || 'nothing' }
      },
      seconds,
    )
  }

  private addressing(n: number): string {
    const address = `${this.network}${n}/${this.network.includes(':') ? 64 : 24}`
    return `address add ${address} dev core${nodad(address)}`
  }
}

/** Puts a customer into an IP VPN, or changes the targets that it has there. */
export async function attach(
  { api }: LabDaemon,
  customer: Customer,
  targets: {
    readonly imports: readonly string[]
    readonly exports: readonly string[]
    readonly readvertise?: { readonly from_rt: readonly string[]; readonly to_rt: readonly string[] }
  },
  instance = 'red',
): Promise<void> {
  for (const subnet of customer.subnets) {
    const body = {
      ...endpoint(customer, subnet, instance),
      import_rt: targets.imports,
      export_rt: targets.exports,
      readvertise: targets.readvertise,
    }
    const answer = await request(api, '/attach_localport', body)
    if (answer.status !== 200) throw new Error(`attach: ${answer.status} ${answer.body}`)
  }
}

export async function detach({ api }: LabDaemon, customer: Customer, instance = 'red'): Promise<void> {
  for (const subnet of customer.subnets) {
    const answer = await request(api, '/detach_localport', endpoint(customer, subnet, instance))
    if (answer.status !== 200) throw new Error(`detach: ${answer.status} ${answer.body}`)
  }
}

function endpoint({ mac, port }: Customer, { address, gateway }: Subnet, instance: string) {
  return {
    vpn_instance_id: instance,
    vpn_type: 'ipvpn',
    mac_address: formatMac(mac),
    ip_address: address,
    gateway_ip: gateway,
    local_port: { linuxif: port },
  }
}

/** An IPv6 address can be used at once, since no other host has it. */
function nodad(address: string): string {
  return address.includes(':') ? ' nodad' : ''
}
