import type { RouteTarget } from '../../src/bgp/values/extended-community.ts'
import type { Ip } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { ip, rt } from '../support/speakers.ts'
import { Random } from './random.ts'

export const EVPNS = ['red', 'blue', 'grey']
/** Their own endpoints share an address space. */
export const IP_VPNS = ['vpn1', 'vpn2']
export const NETWORKS = [...EVPNS, ...IP_VPNS]
/** Endpoints of a network, counted from 1. */
export const ENDPOINTS = 6

/** Endpoints of an EVPN instance have a second, IPv6 address, which is attached by itself: as endpoints from here on; not the last one, which has none at all. */
export const SECOND_ADDRESSES = 10
/** Endpoints of an EVPN instance from here on have the IPv4 addresses of others. */
export const TAKEN_ADDRESSES = 20

/** What is the same for all endpoints of a network on a node. */
export type Traits = Pick<AttachRequest, 'importTargets' | 'exportTargets' | 'vni' | 'readvertise'>

/** How an endpoint of an EVPN instance is in an IP VPN as well. */
export type IrbDraft = Pick<AttachRequest, 'gatewayIp' | 'direction' | 'advertiseSubnet'> & {
  readonly evpn: string
}

/** What an agent asks for, but for the traits of the network. */
export interface Wish {
  readonly network: string
  readonly endpoint: number
  /** Null: it has a port of its own. */
  readonly irb: IrbDraft | null
}

/** Makes what agents ask for: wishes with the traits that their networks have at the time. */
export class Networks {
  private readonly seed: number
  /** Of a network on a node, where they are others than at first. */
  private readonly changed = new Map<string, Traits>()

  constructor(seed: number) {
    this.seed = seed
  }

  request(node: number, { network, endpoint, irb }: Wish): AttachRequest {
    if (irb === null) return this.endpoint(node, network, endpoint)
    const { evpn, ...options } = irb
    return {
      ...this.endpoint(node, evpn, endpoint),
      ...this.traitsOf(node, network),
      ...options,
      instanceId: network,
      type: 'ipvpn',
      ip: { ip: ip(`192.168.${numberOf(evpn)}.${endpoint}`), prefixLength: 24 },
      port: { evpn },
    }
  }

  /** Other traits from now on; the VNI stays. Returns them. */
  retarget(node: number, network: string, traits: Traits): Traits {
    const changed = { ...traits, vni: this.traitsOf(node, network).vni }
    this.changed.set(`${node} ${network}`, changed)
    return changed
  }

  private endpoint(node: number, network: string, endpoint: number): AttachRequest {
    const isIpVpn = IP_VPNS.includes(network)
    const number = numberOf(network)
    const octet = isIpVpn ? 100 : number
    const isSecond = !isIpVpn && endpoint > SECOND_ADDRESSES && endpoint < TAKEN_ADDRESSES
    const host = endpoint % SECOND_ADDRESSES
    const vm = isSecond ? host : endpoint
    const isLast = endpoint === ENDPOINTS
    return {
      instanceId: network,
      type: isIpVpn ? 'ipvpn' : 'evpn',
      mac: 0x020000000000 + number * 256 + vm,
      ip:
        isLast && !isIpVpn
          ? null
          : isSecond
            ? { ip: ip(`fd00:${octet}::${host}`), prefixLength: 64 }
            : { ip: ip(`192.168.${octet}.${host}`), prefixLength: 24 },
      gatewayIp: isIpVpn ? ip(`192.168.${octet}.254`) : null,
      port: `${network}${vm}`,
      isOvsPort: false,
      linuxBridge: null,
      localPref: null,
      direction: vm === 1 ? 'from-port' : 'both',
      sticky: false,
      hashOrder: 0,
      advertiseSubnet: isIpVpn && endpoint >= ENDPOINTS - 1,
      fallback: null,
      description: undefined,
      instanceDescription: undefined,
      ...this.traitsOf(node, network),
    }
  }

  private traitsOf(node: number, network: string): Traits {
    const key = `${node} ${network}`
    return this.changed.get(key) ?? drawTraits(Random.for(this.seed, `traits ${key}`), network)
  }
}

/** Another place for an endpoint of an EVPN instance in an IP VPN, each time with other options. */
export function drawIrb(random: Random, vpn: string, evpn: string, endpoint: number): Wish {
  const irb: IrbDraft = {
    evpn,
    gatewayIp: drawGateway(random, numberOf(evpn), IP_VPNS.indexOf(vpn)),
    direction: endpoint === 1 ? 'from-port' : random.pick(['both', 'both', 'to-port']),
    advertiseSubnet: random.chance(endpoint >= ENDPOINTS - 1 ? 0.8 : 0.2),
  }
  return { network: vpn, endpoint, irb }
}

/** No two IP VPNs have the same one: inside the subnet, outside of it, or where a VM is already. */
function drawGateway(random: Random, number: number, vpn: number): Ip | null {
  const inside = ip(`192.168.${number}.${254 - vpn}`)
  const outside = ip(`10.9.${number}.${vpn}`)
  return random.pick([inside, inside, inside, outside, ip(`192.168.${number}.${3 + vpn}`), null])
}

export function drawTraits(random: Random, network: string): Traits {
  const own = rt(`64512:${numberOf(network)}`)
  const isIpVpn = IP_VPNS.includes(network)
  const vni = isIpVpn ? null : 99 + numberOf(network) + (random.chance(0.2) ? 1000 : 0)
  const all = NETWORKS.map((one) => rt(`64512:${numberOf(one)}`))
  const readvertise = isIpVpn ? drawReadvertise(random, all) : null
  if (random.chance(0.5)) return { importTargets: [own], exportTargets: [own], vni, readvertise }
  if (random.chance(0.5)) return { ...drawSide(random, numberOf(network)), vni, readvertise }
  return {
    readvertise,
    importTargets: random.some(all),
    exportTargets: random.chance(0.1) ? [] : random.some(all),
    vni,
  }
}

/** A hub or a spoke: only the other side imports what one side exports. */
function drawSide(random: Random, number: number): Pick<Traits, 'importTargets' | 'exportTargets'> {
  const [hub, spoke] = [[rt(`64512:${100 + number}`)], [rt(`64512:${200 + number}`)]]
  return random.chance(0.5)
    ? { importTargets: spoke, exportTargets: hub }
    : { importTargets: hub, exportTargets: spoke }
}

/** Some VRFs re-advertise what others advertise, maybe the others what these do. */
function drawReadvertise(random: Random, all: readonly RouteTarget[]): AttachRequest['readvertise'] {
  if (random.chance(0.6)) return { from: [], to: [] }
  const from = random.some(all)
  const others = all.filter((target) => !from.includes(target))
  return { from, to: random.some(others.length === 0 || random.chance(0.1) ? all : others) }
}

/** The number that an endpoint of a network has. */
export const endpointOf = ({ mac }: AttachRequest): number => mac % 256

const numberOf = (network: string): number => NETWORKS.indexOf(network) + 1
