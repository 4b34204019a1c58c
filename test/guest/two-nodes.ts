import { expect } from 'vitest'
import { request } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'
import { addVeth, echoesIn, ip } from './network.ts'

const AS = 64512

/** What an attach says, of which the rest follows from the VM's number. */
export interface Attach {
  readonly instance: string
  readonly importTargets: readonly string[]
  readonly exportTargets: readonly string[]
  readonly direction?: 'both' | 'to-port' | 'from-port'
}

/** What VMs that reach each other say. */
export const RED = { instance: 'red', importTargets: ['64512:10'], exportTargets: ['64512:10'] }

/**
 * Two daemons on machines of their own, joined by a veth pair `core`. VMs with odd numbers are at the first, with even ones at the second, each
 * behind `tap` and its number, with `192.168.10.n` and `2001:db8::n`, but for VM 3, which is alone in `192.168.20.0/24`.
 */
export class TwoNodes {
  readonly lab = new Lab()
  readonly hosts: readonly LabHost[]
  readonly vms = new Map<number, string>()
  private readonly daemons: LabDaemon[] = []
  private readonly ipvpn: Readonly<Record<string, string>>

  /** `ipvpn` has more options. `join` connects the two, whose addresses are `10.0.n.1` then. */
  constructor(
    mplsInterface: string,
    vms: readonly number[],
    { join, ipvpn = {} }: { join?: (hosts: readonly LabHost[]) => void; ipvpn?: Record<string, string> } = {},
  ) {
    this.ipvpn = { dataplane_driver: 'linux', mpls_interface: mplsInterface, ...ipvpn }
    this.hosts = [1, 2].map((n) => ({
      name: `pe${n}`,
      namespace: this.lab.addNamespace(`pe${n}`),
      address: join === undefined ? `10.0.0.${n}` : `10.0.${n}.1`,
    }))
    const [one, two] = this.hosts as [LabHost, LabHost]
    if (join === undefined) addVeth([one.namespace, 'core'], [two.namespace, 'core'])
    else join(this.hosts)
    for (const { namespace, address } of this.hosts) ip(namespace, `address add ${address}/24 dev core`)
    for (const n of vms) {
      const vm = this.lab.addNamespace(`vm${n}`)
      addVeth([this.hostOf(n).namespace, `tap${n}`], [vm, 'eth0'])
      const { ipv4, ipv6, gateway4, gateway6 } = addressesOf(n)
      ip(vm, `link set eth0 address ${macOf(n)}`, `address add ${ipv4}/24 dev eth0`)
      ip(vm, `address add ${ipv6}/64 dev eth0 nodad`)
      ip(vm, `route add default via ${gateway4}`, `route add default via ${gateway6}`)
      this.vms.set(n, vm)
    }
    this.lab.enter(one.namespace)
  }

  async start(): Promise<void> {
    for (const i of [0, 1]) await this.startDaemon(i)
  }

  async killDaemon(i: number): Promise<void> {
    await this.daemons[i]!.process.stop('SIGKILL')
  }

  /** With other options than the daemons before, if there are. */
  async startDaemon(i: number, ipvpn: Readonly<Record<string, string>> = {}): Promise<void> {
    const BGP = { peers: this.hosts[1 - i]!.address, my_as: AS, connect_retry_time: 1 }
    this.daemons[i] = await startChanter(this.lab, this.hosts[i]!, {
      BGP,
      DATAPLANE_DRIVER_IPVPN: { ...this.ipvpn, ...ipvpn },
    })
  }

  hostOf(n: number): LabHost {
    return this.hosts[(n - 1) % 2]!
  }

  async attach(n: number, options: Attach): Promise<void> {
    const { ipv4, ipv6, gateway4, gateway6 } = addressesOf(n)
    for (const [address, gateway] of [
      [`${ipv4}/24`, gateway4],
      [`${ipv6}/64`, gateway6],
    ]) {
      const answer = await request(this.daemons[(n - 1) % 2]!.api, '/attach_localport', {
        vpn_instance_id: options.instance,
        vpn_type: 'ipvpn',
        import_rt: options.importTargets,
        export_rt: options.exportTargets,
        direction: options.direction ?? 'both',
        mac_address: macOf(n),
        ip_address: address,
        gateway_ip: gateway,
        local_port: { linuxif: `tap${n}` },
      })
      expect(answer).toMatchObject({ status: 200, body: 'null' })
    }
  }

  /** The output of `ping` once it got answers. */
  async reaches(from: number, address: string, ...options: readonly string[]): Promise<string> {
    return this.lab.eventually(`vm${from} reaches ${address}`, async () => {
      const output = await this.ping(from, address, ...options)
      return output.includes('3 received') ? { value: output } : { seen: output }
    })
  }

  ping(from: number, address: string, ...options: readonly string[]): Promise<string> {
    const words = ['ping', '-c', '3', '-i', '0.2', '-W', '1', ...options, address]
    return this.lab.exec(this.vms.get(from)!, ...words)
  }

  /** Whether a VM gets an answer. */
  async isAnswered(from: number, address: string): Promise<boolean> {
    const once = this.lab.exec(this.vms.get(from)!, 'ping', '-c', '1', '-W', '0.3', address)
    return once.then(
      () => true,
      () => false,
    )
  }

  /** Echo requests of both families that a VM was sent. */
  echoes(n: number): number {
    return echoesIn(this.vms.get(n)!)
  }

  close(): void {
    this.lab.close()
  }
}

export function addressesOf(n: number) {
  const [subnet, subnet6] = n === 3 ? ['192.168.20', '2001:db8:3:'] : ['192.168.10', '2001:db8:']
  return {
    ipv4: `${subnet}.${n}`,
    ipv6: `${subnet6}:${n}`,
    gateway4: `${subnet}.254`,
    gateway6: `${subnet6}:ffff`,
  }
}

function macOf(n: number): string {
  return `02:00:00:00:01:0${n}`
}
