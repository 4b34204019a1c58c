import { chanter } from './daemons.ts'
import type { Node, Vm } from './scenario.ts'

/** Where the reflector is, and the nodes. */
export const RR = '10.77.0.1'
export const NODES = ['10.77.0.11', '10.77.0.12', '10.77.0.13'] as const

/** A node with chanter behind the reflector. */
export function node(address: string): Node {
  return chanter(address, { BGP: { peers: RR } })
}

/** A VM in a network of layer 2. */
export function vm(node: string, number: number): Vm {
  return { node, mac: `02:00:00:00:01:0${number}`, addresses: [`192.168.10.${number}/24`] }
}

/** A VM in an IP VPN, with an address of each family in a subnet of its own. */
export function customer(node: string, number: number): Vm {
  return {
    node,
    mac: `02:00:00:00:01:0${number}`,
    addresses: [`10.0.${number}.1/24`, `2001:db8:${number}::1/64`],
    gateways: [`10.0.${number}.254`, `2001:db8:${number}::fe`],
  }
}
