import { request } from '../../src/client.ts'
import type { Vm } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { ChaosNode } from './node.ts'

export interface Network {
  readonly id: string
  readonly vni: number
}

export const NETWORKS: readonly Network[] = [
  { id: 'red', vni: 100 },
  { id: 'blue', vni: 200 },
]

/** Where the agent of a node wants each VM, what it asked the daemon for, and what of that was not answered. */
export class Agent {
  readonly node: ChaosNode
  /** Null: nowhere. */
  readonly wanted = new Map<Vm, Network | null>()
  readonly #unanswered = new Set<Vm>()
  #ping: string | null = null
  #refusal = ''

  constructor(node: ChaosNode) {
    this.node = node
    for (const vm of node.vms) this.wanted.set(vm, null)
  }

  /** The VMs that it wants in a network. */
  in(network: Network): Vm[] {
    return this.node.vms.filter((vm) => this.wanted.get(vm) === network)
  }

  /** Attaches the VM to the network, or detaches it from where it is. */
  async move(vm: Vm, to: Network | null): Promise<void> {
    const from = this.wanted.get(vm) ?? null
    this.wanted.set(vm, to)
    this.#unanswered.add(vm)
    const isDone =
      (from === null || from === to || (await this.#request('detach', vm, from))) &&
      (to === null || (await this.#request('attach', vm, to)))
    if (isDone) this.#unanswered.delete(vm)
  }

  /** Sends again what was not answered, and everything to a daemon that has restarted, until it is taken. Resolves to the VMs that it had forgotten. */
  async requestAgain(): Promise<Vm[]> {
    const { body } = await request(this.node.api, '/ping')
    const isRestarted = this.#ping !== null && this.#ping !== body
    this.#ping = body
    const forgotten = isRestarted ? await this.#forgotten() : []
    for (const [vm, network] of this.wanted) {
      if (!isRestarted && !this.#unanswered.has(vm)) continue
      for (const other of NETWORKS) if (other !== network) await this.#request('detach', vm, other)
      await this.node.lab.eventually(`${this.node.name} takes ${vm.name}`, async () => {
        const isTaken = network === null || (await this.#request('attach', vm, network))
        return isTaken ? { value: true } : { seen: this.#refusal }
      })
      this.#unanswered.delete(vm)
    }
    return forgotten
  }

  /** The VMs that a daemon answered for, and does not have. */
  async #forgotten(): Promise<Vm[]> {
    const forgotten: Vm[] = []
    for (const [vm, network] of this.wanted) {
      if (network === null || this.#unanswered.has(vm)) continue
      const { body } = await request(this.node.api, `/looking-glass/vpns/instances/${network.id}/ports`)
      if (!body.includes(formatMac(vm.mac))) forgotten.push(vm)
    }
    return forgotten
  }

  async #request(what: 'attach' | 'detach', vm: Vm, network: Network): Promise<boolean> {
    try {
      const { status, body } = await request(this.node.api, `/${what}_localport`, attachment(vm, network))
      this.#refusal = `${status} ${body}`
      return status === 200
    } catch (error) {
      this.#refusal = error instanceof Error ? error.message : `${error}`
      return false
    }
  }
}

function attachment(vm: Vm, { id, vni }: Network): Record<string, unknown> {
  return {
    vpn_instance_id: id,
    vpn_type: 'evpn',
    import_rt: [`${AS}:${vni}`],
    export_rt: [`${AS}:${vni}`],
    mac_address: formatMac(vm.mac),
    ip_address: vm.address,
    local_port: { linuxif: vm.port },
    vni,
  }
}
