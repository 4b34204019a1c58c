import { formatMac, type Mac } from '../values/mac.ts'
import { run } from './command.ts'
import type { Lab } from './lab.ts'

/** A machine of the underlay network: a namespace with an address on `eth0` (the reflector: on its bridge). */
export interface LabHost {
  readonly name: string
  readonly namespace: string
  readonly address: string
}

/** A virtual machine: a namespace whose `eth0` is the other end of a port of its node. */
export interface Vm {
  readonly name: string
  readonly namespace: string
  readonly mac: Mac
  /** With prefix length. */
  readonly address: string
  /** The interface on the node, named as a hypervisor would name a tap. */
  readonly port: string
}

/** The device of the reflector that holds its address and connects the nodes. */
export const UNDERLAY = 'underlay'
/** Leaves room for the VXLAN header in the underlay's 1500. */
const VM_MTU = 1450

/** The reflector's namespace, which holds the switch that all nodes connect to. This process moves into it, so that it reaches them. */
export async function addReflector(lab: Lab, address: string, name = 'rr'): Promise<LabHost> {
  const namespace = lab.addNamespace(name)
  await run('ip', '-n', namespace, 'link', 'add', UNDERLAY, 'type', 'bridge', 'forward_delay', '0')
  await run('ip', '-n', namespace, 'addr', 'add', ...underlayAddress(address), 'dev', UNDERLAY)
  await run('ip', '-n', namespace, 'link', 'set', UNDERLAY, 'up')
  lab.enter(namespace)
  return { name, namespace, address }
}

export async function addNode(lab: Lab, reflector: LabHost, name: string, address: string): Promise<LabHost> {
  const namespace = lab.addNamespace(name)
  const port = `to-${name}`
  await veth({ namespace, device: 'eth0' }, { namespace: reflector.namespace, device: port })
  await run('ip', '-n', reflector.namespace, 'link', 'set', port, 'master', UNDERLAY, 'up')
  await run('ip', '-n', namespace, 'addr', 'add', ...underlayAddress(address), 'dev', 'eth0')
  await run('ip', '-n', namespace, 'link', 'set', 'eth0', 'up')
  return { name, namespace, address }
}

export async function addVm(lab: Lab, node: LabHost, name: string, mac: Mac, address: string): Promise<Vm> {
  const namespace = lab.addNamespace(name)
  const port = `tap-${name}`
  await veth({ namespace, device: 'eth0' }, { namespace: node.namespace, device: port })
  await run('ip', '-n', node.namespace, 'link', 'set', port, 'up')
  await run(
    'ip',
    '-n',
    namespace,
    'link',
    'set',
    'eth0',
    'address',
    formatMac(mac),
    'mtu',
    String(VM_MTU),
    'up',
  )
  await run('ip', '-n', namespace, 'addr', 'add', address, 'dev', 'eth0')
  return { name, namespace, mac, address, port }
}

/** With prefix length; an IPv6 address can be used at once, without duplicate address detection. */
function underlayAddress(address: string): string[] {
  return address.includes(':') ? [`${address}/64`, 'nodad'] : [`${address}/24`]
}

interface VethEnd {
  readonly namespace: string
  readonly device: string
}

async function veth(a: VethEnd, b: VethEnd): Promise<void> {
  const end = ({ namespace, device }: VethEnd) => ['name', device, 'netns', namespace]
  await run('ip', 'link', 'add', ...end(a), 'type', 'veth', 'peer', ...end(b))
}
