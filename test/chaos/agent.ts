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

/** By when a daemon takes an attach that it had to refuse while devices were not as it needs them. */
const TAKEN_SECONDS = 20

/** Where the agent of a node wants each VM, what it asked the daemon for, and what of that was not answered. */
export class Agent {
  readonly node: ChaosNode
  /** Null: nowhere. */
  readonly wanted = new Map<Vm, Network | null>()
  readonly #unanswered = new Set<Vm>()
  /** How often a daemon had forgotten what it was told. */
  forgotten = 0
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
      (from === null || from === to || (await this.#tell('detach', vm, from))) &&
      (to === null || (await this.#tell('attach', vm, to)))
    if (isDone) this.#unanswered.delete(vm)
  }

  /** Says again what was not answered, and all of it to a daemon that has forgotten, until it is taken. */
  async sayAgain(): Promise<void> {
    const { body } = await request(this.node.api, '/ping')
    const isForgetful = this.#ping !== null && this.#ping !== body
    this.#ping = body
    if (isForgetful) this.forgotten++
    for (const [vm, network] of this.wanted) {
      if (!isForgetful && !this.#unanswered.has(vm)) continue
      for (const other of NETWORKS) if (other !== network) await this.#tell('detach', vm, other)
      await this.node.lab.eventually(
        `${this.node.name} takes ${vm.name}`,
        async () => {
          const isTaken = network === null || (await this.#tell('attach', vm, network))
          return isTaken ? { value: true } : { seen: this.#refusal }
        },
        TAKEN_SECONDS,
      )
      this.#unanswered.delete(vm)
    }
  }

  async #tell(what: 'attach' | 'detach', vm: Vm, network: Network): Promise<boolean> {
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
