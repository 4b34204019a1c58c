import { run } from '../../src/lab/command.ts'
import type { Vm } from '../../src/lab/network.ts'
import { fdb } from '../../src/lab/views.ts'
import { formatMac } from '../../src/values/mac.ts'
import { type Agent, NETWORKS, type Network } from './agent.ts'
import type { ChaosNode } from './node.ts'

interface ShownLink {
  readonly ifname: string
  readonly flags: readonly string[]
  readonly mtu: number
  readonly master?: string
  readonly ifalias?: string
  readonly xdp?: unknown
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: Record<string, unknown>
    readonly info_slave_data?: Record<string, unknown>
  }
}

/** What of a link is another number for each device, or runs. */
const UNSTABLE =
  /timer|^id$|^no$|_id$|designated|^root_port$|^root_path_cost$|topology_change|config_pending|group_addr|mcast_/
/** The links of a node that are no concern of the daemon. */
const FURNITURE = ['lo', 'eth0', 'manage']

export const bridgeOf = ({ id }: Network): string => `evpn---${id}`
export const vxlanOf = ({ id }: Network): string => `vxlan--${id}`

/** How the links of a network look where nothing was wrong yet: all later ones have to look like these. */
export interface Templates {
  readonly bridge: string
  readonly vxlan: string
  readonly port: string
}

export async function templatesOf({ node }: Agent, network: Network): Promise<Templates> {
  const shown = await links(node)
  const template = (name: string): string => {
    const link = shown.find(({ ifname }) => ifname === name)
    if (link === undefined) throw new Error(`${node.name} has no ${name}`)
    return look(link).replaceAll(`-${network.id}`, '-NET').replaceAll(`:${network.id}`, ':NET')
  }
  return {
    bridge: template(bridgeOf(network)),
    vxlan: template(vxlanOf(network)),
    port: template(node.vms[0]!.port),
  }
}

/** A line for each thing that the kernel should hold for what all agents want. */
export function wantedOf(agent: Agent, others: readonly Agent[], templates: Templates): string[] {
  const { node, wanted } = agent
  const lines: string[] = []
  for (const network of NETWORKS) {
    if (agent.in(network).length === 0) continue
    const bridge = bridgeOf(network)
    const vxlan = vxlanOf(network)
    const filled = (template: string) => template.replaceAll('NET', network.id)
    lines.push(`link ${bridge}: ${filled(templates.bridge)}`)
    lines.push(`link ${vxlan}: ${filled(templates.vxlan)}`)
    for (const vm of agent.in(network)) {
      lines.push(`link ${vm.port}: ${filled(templates.port)}`)
      lines.push(`mac ${formatMac(vm.mac)} on ${vm.port} in ${bridge}, extern_learn`)
    }
    for (const other of others) {
      const vms = other.in(network)
      const { address } = other.node.host
      if (vms.length > 0)
        lines.push(`mac 00:00:00:00:00:00 on ${vxlan} to ${address}, self extern_learn static`)
      for (const vm of vms) {
        const mac = formatMac(vm.mac)
        lines.push(`mac ${mac} on ${vxlan} to ${address}, self extern_learn static`)
        lines.push(`mac ${mac} on ${vxlan} in ${bridge}, extern_learn`)
        lines.push(`neighbour ${addressOf(vm)} on ${bridge}, ${mac} extern_learn NOARP`)
      }
    }
  }
  for (const vm of node.vms) if (wanted.get(vm) === null) lines.push(`link ${vm.port}: nowhere`)
  return lines.sort()
}

export const addressOf = (vm: Vm): string => vm.address.split('/')[0] ?? ''

/** A line for each thing that the kernel holds. */
export async function heldBy(node: ChaosNode): Promise<string[]> {
  const lines: string[] = []
  for (const link of await links(node))
    if (!FURNITURE.includes(link.ifname)) lines.push(`link ${link.ifname}: ${look(link)}`)
  for (const { mac, ifname, flags, master, dst, vni, state } of await fdb(node.host)) {
    if (state === 'permanent' || FURNITURE.includes(ifname)) continue
    const where = [master && ` in ${master}`, dst && ` to ${dst}`, vni && ` vni ${vni}`].filter(Boolean)
    lines.push(`mac ${mac} on ${ifname}${where.join('')}, ${[...flags, state].filter(Boolean).join(' ')}`)
  }
  for (const line of (await node.ip('neighbour', 'show')).split('\n')) {
    const [, ip, device, rest] = /^(\S+) dev (\S+) (?:lladdr )?(.*?)\s*$/.exec(line) ?? []
    if (device !== undefined && !FURNITURE.includes(device))
      lines.push(`neighbour ${ip} on ${device}, ${rest?.replace(/ +/g, ' ')}`)
  }
  return lines.sort()
}

async function links({ host }: ChaosNode): Promise<ShownLink[]> {
  return JSON.parse(await run('ip', '-n', host.namespace, '-json', '-details', 'link'))
}

/** All of a link that has to stay as it is, in words. */
function look({ flags, mtu, master, ifalias, xdp, linkinfo }: ShownLink): string {
  const { info_kind: kind, info_data: data, info_slave_data: port } = linkinfo ?? {}
  const up = flags.includes('UP')
  if (master === undefined && ifalias === undefined && !up) return 'nowhere'
  const isUp = up ? (flags.includes('LOWER_UP') ? 'up' : 'no carrier') : 'down'
  const program = xdp === undefined ? '' : ' xdp'
  return `${kind} ${isUp}${program} mtu ${mtu} in ${master} alias ${ifalias} ${stable(data)} ${stable(port)}`
}

function stable(options: Record<string, unknown> = {}): string {
  const kept = Object.entries(options).filter(([name]) => !UNSTABLE.test(name))
  return kept.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ')
}
