import { beforeEach } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { formatAttributes } from '../../src/bgp/attribute/index.ts'
import { TunnelType } from '../../src/bgp/constants.ts'
import { VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { maskPrefix } from '../../src/bgp/nlri/prefix.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import {
  type ExtendedCommunity,
  encapsulation,
  hashSortOrder,
} from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { isIpv4, parseInterfaceAddress } from '../../src/values/address.ts'
import type { VpnConfig } from '../../src/vpn/config.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { mac, TestNode } from '../support/node.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { words } from './words.ts'

export const A = '10.77.0.11'
export const B = '10.77.0.12'
export const C = '10.77.0.13'
export const RR = '10.77.0.1'
export const RED = rt('64512:10')
export const BLUE = rt('64512:20')
export const families = [VPNV4, VPNV6]
export const MPLS = [encapsulation(TunnelType.Mpls)]

export let clock: VirtualClock
export let network: VirtualNetwork
export let a: TestNode
export let reflector: Speaker

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const clients = [A, B].map((address) => peerConfig(address, { families, reflectorClient: true }))
  reflector = speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  a = node(A)
})

/** The node A with other options, the only peer of its reflector. */
export function startAlone(changes: Partial<VpnConfig>): void {
  network = new VirtualNetwork(clock)
  reflector = speakerAt(RR, [peerConfig(A, { families })], clock, network, { clusterId: ip(RR) })
  a = node(A, changes)
}

export function node(address: string, changes: Partial<VpnConfig> = {}): TestNode {
  const made = new TestNode(address, [peerConfig(RR, { families })], clock, network, {}, changes)
  for (const name of ['tap1', 'tap2', 'tap3', 'mpls0']) made.driver.kernel.addLink(name, { up: true })
  return made
}

export const request = (address: string, changes: Partial<AttachRequest> = {}): Partial<AttachRequest> => ({
  type: 'ipvpn',
  vni: null,
  ip: parseInterfaceAddress(address)!,
  gatewayIp: ip(address.includes(':') ? '2001:db8::ffff' : '192.168.10.254'),
  ...changes,
})
export const detach = (of: TestNode, address: string, changes = {}) =>
  of.detach({ type: 'ipvpn', ip: ip(address), ...changes })
export const second = { port: 'tap2', mac: mac('02:00:00:00:01:02') }

export function advertised(of: TestNode): string[] {
  return families.flatMap((family) =>
    [...of.speaker.rib.ownRoutes(family)].map(({ nlri, set }) => {
      const { 'extended-community': communities, 'local-preference': preference } = formatAttributes(
        set.attributes,
      )
      return `${nlriCodec(family)!.format(nlri)} ${communities} ${preference}`
    }),
  )
}

export const wanted = (of: TestNode): string[] => of.wanted().map(words).sort()
export const routes = (of: TestNode): string[] =>
  wanted(of).filter((text) => / in bvrf-\d+ by /.test(text) && !/^nothing/.test(text))

/** Another provider edge advertises a prefix; answers with how it takes that back. */
export function receive(
  prefix: string,
  nextHop: string,
  label: number,
  {
    order = 0,
    localPref = 100,
    communities = MPLS,
    rd = 1,
    prefixSid = null,
  }: {
    order?: number
    localPref?: number
    communities?: readonly ExtendedCommunity[]
    rd?: number
    prefixSid?: Attributes['prefixSid']
  } = {},
): () => void {
  const { ip: address, prefixLength: length } = parseInterfaceAddress(prefix)!
  const family = isIpv4(address) ? VPNV4 : VPNV6
  const own = ipv4Rd(ip(nextHop.includes(':') ? C : nextHop), rd)
  const source = localSource(`${nextHop} ${rd}`)
  const nlri = { rd: own, label: mplsField(label), ip: maskPrefix(address, length), length }
  reflector.originate(
    source,
    family,
    nlri,
    { extendedCommunities: [...communities, hashSortOrder(order), RED], localPref, prefixSid },
    ip(nextHop),
  )
  clock.advance(2000)
  return () => {
    reflector.withdraw(source, family, nlri)
    clock.advance(2000)
  }
}

/** Everything that a failed request must leave as it was. */
export function snapshot(of: TestNode): unknown {
  clock.advance(100)
  const { vpns } = of
  const { numbers: _, ...state } = vpns.snapshot()
  return { wanted: wanted(of), advertised: advertised(of), labels: [...vpns.labels.entries()], state }
}
