import type { Attributes } from '../../../src/bgp/attribute/attributes.ts'
import { PmsiTunnelType, TunnelType } from '../../../src/bgp/constants.ts'
import type { Nlri } from '../../../src/bgp/nlri/index.ts'
import { ZERO_ESI } from '../../../src/bgp/values/esi.ts'
import { type ExtendedCommunity, encapsulation } from '../../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../../src/bgp/values/label.ts'
import { parseRd } from '../../../src/bgp/values/rd.ts'
import { ANY_IPV4 } from '../../../src/values/address.ts'
import { parseMac } from '../../../src/values/mac.ts'
import { rt } from '../../support/speakers.ts'
import type { Facts, FamilyName } from './facts.ts'
import { addressOf } from './links.ts'

/** The target of the routes that all peers import; a second one; a third one that peers import only by command. */
export const TARGET = '64512:77'
export const SECOND_TARGET = '64512:88'
export const THIRD_TARGET = '64512:99'
/** Where the routes of FlowSpec lead to. */
export const REDIRECT = '64512:78'

const RD = '64512:7'
const LABEL = 1077
const VNI = 5077

/** A route of ours, and what a peer should say that it is. */
export interface OurRoute {
  readonly nlri: Nlri
  readonly attributes: Partial<Attributes>
  readonly reported: Facts
}

/** The routes of a family that our speaker at `address` originates. Memberships are made by subscribing. */
export function ourRoutes(family: Exclude<FamilyName, 'RTC'>, address: string, target = TARGET): OurRoute[] {
  const rd = parseRd(RD)!
  const extendedCommunities = [rt(target)]
  const common = { rd: RD, targets: target, asPath: '' }
  switch (family) {
    case 'EVPN':
      return evpnRoutes(address)
    case 'VPNv4':
    case 'VPNv6': {
      const [text, length] =
        family === 'VPNv4' ? (['11.0.0.0', 24] as const) : (['2001:db8:11::', 48] as const)
      return [
        {
          nlri: { rd, label: mplsField(LABEL), ip: addressOf(text), length },
          attributes: { extendedCommunities },
          reported: { route: `${text}/${length}`, label: `${LABEL}`, nextHop: address, ...common },
        },
      ]
    }
    case 'FlowSpec-VPNv4':
    case 'FlowSpec-VPNv6': {
      const [destination, octets] =
        family === 'FlowSpec-VPNv4'
          ? ['11.0.0.0/24', '01180b0000']
          : ['2001:db8:11::/48', '0130' + '00' + '20010db80011']
      return [
        {
          nlri: { rd, rule: Buffer.from(`${octets}038106058150`, 'hex').toString('latin1') },
          attributes: { extendedCommunities: [...extendedCommunities, redirectTo(REDIRECT)] },
          reported: {
            route: `destination ${destination} protocol =6 destination-port =80`,
            redirect: REDIRECT,
            ...common,
          },
        },
      ]
    }
  }
}

/** A MAC with its address, the flooding list, and a subnet, as a VXLAN node advertises them. */
function evpnRoutes(address: string): OurRoute[] {
  const rd = parseRd(RD)!
  const mac = '02:00:00:00:07:07'
  const attributes = { extendedCommunities: [rt(TARGET), encapsulation(TunnelType.Vxlan)] }
  const pmsiTunnel = {
    flags: 0,
    tunnelType: PmsiTunnelType.IngressReplication,
    label: VNI,
    tunnelId: addressOf(address),
  }
  const common = {
    rd: RD,
    label: `${VNI}`,
    nextHop: address,
    targets: TARGET,
    encapsulation: `${TunnelType.Vxlan}`,
    asPath: '',
  }
  const place = { rd, esi: ZERO_ESI, ethernetTag: 0, label: VNI }
  return [
    {
      nlri: { type: 2, ...place, mac: parseMac(mac)!, ip: addressOf('11.0.0.7'), label2: null },
      attributes,
      reported: { route: `mac ${mac} 11.0.0.7`, ...common },
    },
    {
      nlri: { type: 3, rd, ethernetTag: 0, originator: addressOf(address) },
      attributes: { ...attributes, pmsiTunnel },
      reported: { route: `multicast ${address}`, ...common },
    },
    {
      nlri: { type: 5, ...place, prefix: { ip: addressOf('11.0.0.0'), length: 24 }, gateway: ANY_IPV4 },
      attributes,
      reported: { route: 'prefix 11.0.0.0/24', ...common },
    },
  ]
}

/** RFC 8955 §7.4: the route target's octets with the type of a redirection. */
const redirectTo = (target: string): ExtendedCommunity =>
  `\x80\x08${rt(target).slice(2)}` as ExtendedCommunity
