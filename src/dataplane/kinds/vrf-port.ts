import { unrouted } from '../refusal.ts'
import type { PortDefinition } from './definition.ts'
import { name } from './field.ts'

/**
 * A device enslaved to a VRF. An external one, whose up and down is not touched, forwards, answers ARP for all addresses that the VRF
 * reaches by another port, and ND for its `proxy-neighbour`s; an owned one forwards, and answers for its own addresses alone. Entering a VRF costs the device its routes and IPv6
 * addresses, so want its addresses beside it to keep them.
 */
export interface VrfPort {
  readonly kind: 'vrf-port'
  readonly device: string
  readonly vrf: string
}

export const vrfPort = {
  kind: 'vrf-port',
  role: 'port',
  vpn: 'ipvpn',
  fields: { device: name, vrf: name },
  identity: ({ device }) => `port ${device}`,
  masterOf: ({ vrf }) => vrf,
  masterKind: 'vrf',
  notMaster: unrouted,
  traits: () => ({ routing: true }),
  fits: (_entry, actual) => actual.routing === true,
  observed: ({ name: device, master: vrf, routing }) =>
    routing === null ? null : { kind: 'vrf-port', device, vrf },
} satisfies PortDefinition<VrfPort>
