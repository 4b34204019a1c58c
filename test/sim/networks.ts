import type { RouteTarget } from '../../src/bgp/values/extended-community.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { ip, rt } from '../support/speakers.ts'
import type { Random } from './random.ts'

export const EVPNS = ['red', 'blue', 'grey']
/** Their own endpoints share an address space. */
export const IP_VPNS = ['vpn1', 'vpn2']
export const NETWORKS = [...EVPNS, ...IP_VPNS]
/** Endpoints of a network, counted from 1. */
export const ENDPOINTS = 6

/** What is the same for all endpoints of a network on a node. */
type Traits = Pick<AttachRequest, 'importTargets' | 'exportTargets' | 'vni' | 'readvertise'>

/** What agents ask for. */
export class Networks {
  private readonly random: Random
  /** Of a network on a node. */
  private readonly traits = new Map<string, Traits>()

  constructor(random: Random) {
    this.random = random
  }

  /** The endpoint with a port of its own. */
  endpoint(node: Ip, network: string, endpoint: number): AttachRequest {
    const isIpVpn = IP_VPNS.includes(network)
    const number = numberOf(network)
    const octet = isIpVpn ? 100 : number
    const isLast = endpoint === ENDPOINTS
    return {
      instanceId: network,
      type: isIpVpn ? 'ipvpn' : 'evpn',
      mac: 0x020000000000 + number * 256 + endpoint,
      ip: isLast && !isIpVpn ? null : { ip: ip(`192.168.${octet}.${endpoint}`), prefixLength: 24 },
      gatewayIp: isIpVpn ? ip(`192.168.${octet}.254`) : null,
      port: `${network}${endpoint}`,
      linuxBridge: null,
      localPref: null,
      direction: endpoint === 1 ? 'from-port' : 'both',
      sticky: false,
      hashOrder: 0,
      advertiseSubnet: isIpVpn && endpoint >= ENDPOINTS - 1,
      description: undefined,
      instanceDescription: undefined,
      ...this.traitsOf(node, network),
    }
  }

  /** The endpoint of an EVPN instance in an IP VPN as well, each time with other traits. */
  plug(node: Ip, vpn: string, evpn: string, endpoint: number): AttachRequest {
    const number = numberOf(evpn)
    return {
      ...this.endpoint(node, evpn, endpoint),
      ...this.traitsOf(node, vpn),
      instanceId: vpn,
      type: 'ipvpn',
      ip: { ip: ip(`192.168.${number}.${endpoint}`), prefixLength: 24 },
      gatewayIp: this.gateway(number, IP_VPNS.indexOf(vpn)),
      port: { evpn },
      direction: endpoint === 1 ? 'from-port' : this.random.pick(['both', 'both', 'to-port']),
      advertiseSubnet: this.random.chance(endpoint >= ENDPOINTS - 1 ? 0.8 : 0.2),
    }
  }

  /** Other targets from now on; the VNI stays. */
  retarget(node: Ip, network: string): Traits {
    const { vni } = this.traitsOf(node, network)
    const traits = { ...this.newTraits(network), vni }
    this.traits.set(keyOf(node, network), traits)
    return traits
  }

  /** No two IP VPNs have the same one: inside the subnet, outside of it, or where a VM is already. */
  private gateway(number: number, vpn: number): Ip | null {
    const inside = ip(`192.168.${number}.${254 - vpn}`)
    const outside = ip(`10.9.${number}.${vpn}`)
    return this.random.pick([inside, inside, inside, outside, ip(`192.168.${number}.${3 + vpn}`), null])
  }

  private traitsOf(node: Ip, network: string): Traits {
    const key = keyOf(node, network)
    const known = this.traits.get(key)
    if (known !== undefined) return known
    const traits = this.newTraits(network)
    this.traits.set(key, traits)
    return traits
  }

  private newTraits(network: string): Traits {
    const own = rt(`64512:${numberOf(network)}`)
    const isIpVpn = IP_VPNS.includes(network)
    const vni = isIpVpn ? null : 99 + numberOf(network) + (this.random.chance(0.2) ? 1000 : 0)
    const all = NETWORKS.map((one) => rt(`64512:${numberOf(one)}`))
    const readvertise = isIpVpn ? this.readvertise(all) : null
    if (this.random.chance(0.7)) return { importTargets: [own], exportTargets: [own], vni, readvertise }
    return {
      readvertise,
      importTargets: this.random.some(all),
      exportTargets: this.random.chance(0.1) ? [] : this.random.some(all),
      vni,
    }
  }

  /** Some VRFs announce again what others said, maybe the others what these said. */
  private readvertise(all: readonly RouteTarget[]): AttachRequest['readvertise'] {
    if (this.random.chance(0.6)) return { from: [], to: [] }
    const from = this.random.some(all)
    const others = all.filter((target) => !from.includes(target))
    return { from, to: this.random.some(others.length === 0 || this.random.chance(0.1) ? all : others) }
  }
}

/** The number that it was asked for by. */
export const endpointOf = ({ mac }: AttachRequest): number => mac % 256

const numberOf = (network: string): number => NETWORKS.indexOf(network) + 1
const keyOf = (node: Ip, network: string): string => `${formatIp(node)} ${network}`
