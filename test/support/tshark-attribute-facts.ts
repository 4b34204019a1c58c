import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { TunnelType } from '../../src/bgp/constants.ts'
import {
  type ExtendedCommunity,
  encapsulationOf,
  macMobilityOf,
} from '../../src/bgp/values/extended-community.ts'
import { labelOf } from '../../src/bgp/values/label.ts'
import { formatIp, type Ip, ipv4FromNumber } from '../../src/values/address.ts'
import { u16, u32 } from '../../src/values/bytes.ts'
import { administrator, colons, type Facter } from './tshark-facter.ts'
import type { Vector } from './vectors.ts'

export function attributeFacts(facts: Facter, attributes: Attributes, { context }: Vector): void {
  const add = (field: string, ...values: (string | number)[]): void =>
    facts.add(`bgp.update.path_attribute.${field}`, ...values)
  if (attributes.origin !== null) add('origin', attributes.origin)
  if (attributes.nextHop !== null) add('next_hop', formatIp(attributes.nextHop))
  if (attributes.multiExitDisc !== null) add('multi_exit_disc', attributes.multiExitDisc)
  if (attributes.localPref !== null) add('local_pref', attributes.localPref)
  if (attributes.originatorId !== null)
    add('originator_id', formatIp(ipv4FromNumber(attributes.originatorId)))
  for (const cluster of attributes.clusterList ?? [])
    facts.add('bgp.path_attribute.cluster_id', formatIp(ipv4FromNumber(cluster)))
  for (const { type } of [...(attributes.asPath ?? []), ...(attributes.as4Path ?? [])])
    add('as_path_segment.type', type)
  for (const { asns } of attributes.asPath ?? [])
    add(`as_path_segment.as${context.fourOctetAs ? 4 : 2}`, ...asns)
  for (const { asns } of attributes.as4Path ?? []) add('as_path_segment.as4', ...asns)
  for (const from of [attributes.aggregator, attributes.as4Aggregator]) {
    if (from === null) continue
    add('aggregator_as', from.as)
    add('aggregator_origin', formatIp(from.address))
  }
  for (const community of attributes.communities ?? []) {
    if (community >= 0xffff_0000) add('community_wellknown', `0x${community.toString(16)}`)
    else {
      add('community_as', community >>> 16)
      add('community_value', community & 0xffff)
    }
  }
  for (const community of attributes.extendedCommunities ?? []) communityFacts(facts, community)
  for (const community of attributes.largeCommunities ?? []) {
    facts.add('bgp.large_communities.ga', u32(community, 0))
    facts.add('bgp.large_communities.ldp1', u32(community, 4))
    facts.add('bgp.large_communities.ldp2', u32(community, 8))
  }
  const { pmsiTunnel: pmsi } = attributes
  if (pmsi !== null) {
    add('pmsi.tunnel.flags', pmsi.flags)
    add('pmsi.tunnel.type', pmsi.tunnelType)
    const vxlan = attributes.extendedCommunities?.some(
      (community) => encapsulationOf(community) === TunnelType.Vxlan,
    )
    if (vxlan === true) facts.add('bgp.evpn.nlri.vni', pmsi.label)
    else add('mpls_label_value_20bits', labelOf(pmsi.label))
    if (pmsi.tunnelType === 6) add('pmsi.ingress_rep_ip', formatIp(pmsi.tunnelId as Ip))
  }
  facts.add(
    'bgp.update.encaps_tunnel_tlv_type',
    ...(attributes.tunnelEncapsulation ?? []).map(({ type }) => type),
  )
  facts.add('bgp.prefix_sid.type', ...(attributes.prefixSid ?? []).map(({ type }) => type))
}

const ADMINISTRATORS = ['as2', 'IP4', 'as4']
const EXPERIMENTAL = ['exp', 'exp_2', 'exp_3']
export const octet = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`

function communityFacts(facts: Facter, community: ExtendedCommunity): void {
  const type = community.charCodeAt(0)
  const subtype = community.charCodeAt(1)
  const add = (field: string, ...values: (string | number)[]): void =>
    facts.add(`bgp.ext_com${field}`, ...values)
  add('.type', octet(type))
  const kind = type & 0x7f
  const administered = kind < 3 && (type < 0x80 ? [2, 3, 0x13].includes(subtype) : subtype === 8)
  if (administered) {
    add(type < 0x80 ? `.stype_tr_${ADMINISTRATORS[kind]}` : `.stype_tr_${EXPERIMENTAL[kind]}`, octet(subtype))
    const [head = '', tail = ''] = administrator(String.fromCharCode(kind) + community.slice(1)).split(':')
    add(`.value_${ADMINISTRATORS[kind]}`, head)
    add(`.value_an${kind === 0 ? 4 : 2}`, tail)
  } else if (type === 0x80) add('.stype_tr_exp', octet(subtype))
  if (type === 0x80 && subtype === 6) {
    add('.value_as2', u16(community, 2))
    add('_flow.rate_limit', Buffer.from(community, 'latin1').readFloatBE(4))
  }
  if (type === 0x80 && subtype === 9) add('.value_fs_dscp', octet(community.charCodeAt(7)))
  if (type === 3) add('.stype_tr_opaque', octet(subtype))
  const tunnel = encapsulationOf(community)
  if (tunnel !== undefined) add('.tunnel_type', tunnel)
  if (type === 6) add('.stype_tr_evpn', octet(subtype))
  const mobility = macMobilityOf(community)
  if (mobility !== undefined) {
    add('_evpn.mmac.flags', mobility.sticky ? '0x01' : '0x00')
    add('_evpn.mmac.seq', mobility.sequence)
  }
  if (type === 6 && subtype === 2) add('_evpn.esi.rt', colons(community.slice(2)))
  if (type === 6 && subtype === 3) add('_evpn.esi.router_mac', colons(community.slice(2)))
}
