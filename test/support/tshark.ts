import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { attributeCodecs } from '../../src/bgp/attribute/index.ts'
import type { NlriList } from '../../src/bgp/attribute/mp.ts'
import { HEADER_LENGTH, MessageType, TunnelType } from '../../src/bgp/constants.ts'
import type { SessionContext } from '../../src/bgp/context.ts'
import { Afi, afiOf, EVPN, type Family, IPV4_UNICAST, Safi, safiOf, VPNV6 } from '../../src/bgp/family.ts'
import type { Capabilities } from '../../src/bgp/message/capability.ts'
import { decodeNotification, shutdownText } from '../../src/bgp/message/notification.ts'
import { decodeOpen } from '../../src/bgp/message/open.ts'
import { decodeRouteRefresh } from '../../src/bgp/message/route-refresh.ts'
import { decodeUpdate, type Update } from '../../src/bgp/message/update.ts'
import type { EvpnRoute } from '../../src/bgp/nlri/evpn/index.ts'
import { type FlowSpecVpn, flowSpecComponents } from '../../src/bgp/nlri/flow-spec.ts'
import { formatPrefix, type Prefix } from '../../src/bgp/nlri/prefix.ts'
import type { Membership } from '../../src/bgp/nlri/route-target.ts'
import type { VpnPrefix } from '../../src/bgp/nlri/vpn.ts'
import {
  type ExtendedCommunity,
  encapsulationOf,
  macMobilityOf,
} from '../../src/bgp/values/extended-community.ts'
import { labelOf } from '../../src/bgp/values/label.ts'
import { formatRd } from '../../src/bgp/values/rd.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { run } from '../../src/lab/command.ts'
import { formatIp, type Ip, ipv4FromNumber, isIpv4, unmapped } from '../../src/values/address.ts'
import { hex, type Octets, u16, u32 } from '../../src/values/bytes.ts'
import { formatMac } from '../../src/values/mac.ts'
import { captureOf } from './pcap.ts'
import { messageOf, type Vector } from './vectors.ts'

/** What a dissector shows of one message: values by the name of their field, in their order. */
export type Facts = Map<string, string[]>

export interface Dissection {
  /** What it finds wrong with the octets; undefined when nothing. */
  readonly complaint: string | undefined
  readonly facts: Facts
}

/** What tshark sees in each message, which all come from sessions of one kind. */
export async function dissect(messages: readonly Buffer[], fourOctetAs: boolean): Promise<Dissection[]> {
  const directory = mkdtempSync(join(tmpdir(), 'chanter-pcap-'))
  try {
    const file = join(directory, 'messages.pcap')
    writeFileSync(file, captureOf(messages))
    const octets = fourOctetAs ? '4 octet' : '2 octet'
    const pdml = await run('tshark', '-r', file, '-o', `bgp.asn_len:${octets}`, '-T', 'pdml')
    return byConnection(pdml, messages.length)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const ERROR = 0x80_0000

function byConnection(pdml: string, count: number): Dissection[] {
  const seen = Array.from({ length: count }, () => ({
    complaint: undefined as string | undefined,
    facts: new Map() as Facts,
  }))
  for (const packet of pdml.split('<packet>').slice(1)) {
    const fields = [...packet.matchAll(/<field name="([^"]*)"(?: showname="([^"]*)")?[^>]*? show="([^"]*)"/g)]
    const stream = Number(fields.find(([, name]) => name === 'tcp.stream')?.[3])
    const { facts } = seen[stream]!
    let message = ''
    for (const [, name = '', shown = '', value = ''] of fields) {
      if (name === '_ws.expert.message') message = value
      if (name === '_ws.expert.severity' && Number(value) >= ERROR) seen[stream]!.complaint = message
      if (!name.startsWith('bgp.')) continue
      const field = name.startsWith(`${DECIMALS}_`) ? DECIMALS : name
      facts.set(field, [...(facts.get(field) ?? []), unescapeXml(value)])
      if (name === VPN_TEXT)
        facts.set(`${name}.text`, [...(facts.get(`${name}.text`) ?? []), unescapeXml(shown)])
    }
  }
  return seen
}

/** The field whose text says more than its value: a whole VPN-IPv6 route. */
const VPN_TEXT = 'bgp.label_stack'
/** What tshark shows of things that it frames but does not know. */
const UNKNOWN = ['bgp.update.path_attributes.unknown', 'bgp.cap.unknown', 'bgp.ext_com.value_raw']

function unescapeXml(text: string): string {
  return text
    .replace(/&#x([0-9a-f]+);/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}

/** What a dissector should show of a vector, said in tshark's fields; empty where tshark 4.0 knows nothing of it. */
export function expectedFacts(vector: Vector): Facts {
  const facts = new Facter()
  const message = messageOf(vector)
  const type = message[18]!
  facts.add('bgp.type', type)
  switch (type) {
    case MessageType.Open:
      openFacts(facts, message)
      break
    case MessageType.Update:
      updateFacts(facts, decodeUpdate(message, vector.context), vector)
      break
    case MessageType.Notification:
      notificationFacts(facts, message)
      break
    case MessageType.RouteRefresh: {
      const { family, kind } = decodeRouteRefresh(message)
      facts.add('bgp.route_refresh.afi', afiOf(family))
      facts.add('bgp.route_refresh.safi', safiOf(family))
      facts.add('bgp.route_refresh.subtype', kind)
      break
    }
    default:
  }
  return facts.facts
}

class Facter {
  readonly facts: Facts = new Map()

  add(field: string, ...values: readonly (string | number)[]): void {
    if (values.length === 0) return
    this.facts.set(field, [...(this.facts.get(field) ?? []), ...values.map(String)])
  }
}

function openFacts(facts: Facter, message: Buffer): void {
  const open = decodeOpen(message)
  facts.add('bgp.open.version', open.version)
  facts.add('bgp.open.myas', message.readUInt16BE(20))
  facts.add('bgp.open.holdtime', open.holdTimeSeconds)
  facts.add('bgp.open.identifier', formatIp(ipv4FromNumber(open.identifier)))
  capabilityFacts(facts, open.capabilities)
}

function capabilityFacts(facts: Facter, capabilities: Capabilities): void {
  for (const family of capabilities.families) {
    facts.add('bgp.cap.mp.afi', afiOf(family))
    facts.add('bgp.cap.mp.safi', safiOf(family))
  }
  for (const { family, nextHopAfi } of capabilities.extendedNextHop) {
    facts.add('bgp.cap.enh.afi', afiOf(family))
    facts.add('bgp.cap.enh.safi', safiOf(family))
    facts.add('bgp.cap.enh.nhafi', nextHopAfi)
  }
  const { gracefulRestart, fourOctetAs, addPath, hostname } = capabilities
  if (gracefulRestart !== null) {
    facts.add('bgp.cap.gr.timers.restart_flag', Number(gracefulRestart.restarting))
    facts.add('bgp.cap.gr.timers.notification_flag', Number(gracefulRestart.notification))
    facts.add('bgp.cap.gr.timers.restart_time', gracefulRestart.restartTimeSeconds)
    for (const { family, forwarding } of gracefulRestart.families) {
      facts.add('bgp.cap.gr.afi', afiOf(family))
      facts.add('bgp.cap.gr.safi', safiOf(family))
      facts.add('bgp.cap.gr.flag.pfs', Number(forwarding))
    }
  }
  if (fourOctetAs !== null) facts.add('bgp.cap.4as', fourOctetAs)
  for (const { family, mode } of addPath) {
    facts.add('bgp.cap.ap.afi', afiOf(family))
    facts.add('bgp.cap.ap.safi', safiOf(family))
    facts.add('bgp.cap.ap.sendreceive', mode)
  }
  if (hostname !== null) facts.add('bgp.cap.orf.fqdn.hostname', hostname)
}

function notificationFacts(facts: Facter, message: Buffer): void {
  const received = decodeNotification(message)
  const { code, subcode } = received
  facts.add('bgp.notify.major_error', code)
  const minor: Readonly<Record<number, string>> = {
    1: 'minor_error',
    2: 'minor_error_open',
    3: 'minor_error_update',
    5: 'minor_error_state',
    6: 'minor_error_cease',
  }
  if (minor[code] !== undefined) facts.add(`bgp.notify.${minor[code]}`, subcode)
  const text = shutdownText(received)
  if (text !== undefined) facts.add('bgp.notify.communication', text)
}

function updateFacts(facts: Facter, update: Update, vector: Vector): void {
  const { withdrawn, advertised } = legacyOf(messageOf(vector))
  facts.add('bgp.update.path_attribute.type_code', ...attributeCodes(messageOf(vector)))
  const reach = 'bgp.update.path_attribute.mp_reach_nlri'
  const unreach = 'bgp.update.path_attribute.mp_unreach_nlri'
  for (const list of update.unreach) {
    if (list.family === IPV4_UNICAST && withdrawn) {
      for (const { ip, length } of list.nlri as Prefix[]) {
        facts.add('bgp.withdrawn_prefix', formatIp(ip))
        facts.add('bgp.prefix_length', length)
      }
      continue
    }
    facts.add(`${unreach}.afi`, afiOf(list.family))
    facts.add(`${unreach}.safi`, safiOf(list.family))
    nlriFacts(facts, list, true)
  }
  if (update.endOfRib !== null && update.endOfRib !== IPV4_UNICAST) {
    facts.add(`${unreach}.afi`, afiOf(update.endOfRib))
    facts.add(`${unreach}.safi`, safiOf(update.endOfRib))
  }
  for (const list of update.reach) {
    if (list.family === IPV4_UNICAST && advertised) {
      for (const { ip, length } of list.nlri as Prefix[]) {
        facts.add('bgp.nlri_prefix', formatIp(ip))
        facts.add('bgp.prefix_length', length)
      }
      if (list.pathIds !== null) facts.add('bgp.nlri_path_id', ...list.pathIds)
      continue
    }
    facts.add(`${reach}.afi`, afiOf(list.family))
    facts.add(`${reach}.safi`, safiOf(list.family))
    if (list.nextHop !== null) nextHopFacts(facts, list.family, list.nextHop)
    nlriFacts(facts, list, false)
  }
  attributeFacts(facts, unfolded(messageOf(vector), vector.context), vector)
}

function nextHopFacts(facts: Facter, family: Family, nextHop: Ip): void {
  const field = 'bgp.update.path_attribute.mp_reach_nlri.next_hop'
  const isMapped = isIpv4(unmapped(nextHop)) && (family === VPNV6 || !isIpv4(nextHop))
  if (isMapped) facts.add(`${field}.ipv6`, `::ffff:${formatIp(unmapped(nextHop))}`)
  else facts.add(`${field}.${isIpv4(nextHop) ? 'ipv4' : 'ipv6'}`, formatIp(nextHop))
}

/** The attributes as they stand in the message: AS4_PATH and AS4_AGGREGATOR beside those they complete. */
function unfolded(message: Buffer, context: SessionContext): Attributes {
  const attributes = noAttributes()
  const r = new Reader(message, HEADER_LENGTH)
  r.skip(r.u16())
  r.enter(r.u16())
  while (r.remaining > 0) {
    const flags = r.u8()
    const code = r.u8()
    const outer = r.enter((flags & 0x10) === 0 ? r.u8() : r.u16())
    const codec = attributeCodecs.find((one) => one.code === code)
    if (codec !== undefined) Object.assign(attributes, { [codec.field]: codec.decode(r, context) })
    r.leave(outer)
  }
  return attributes
}

/** Codes of the attributes of an UPDATE. */
function* attributeCodes(message: Buffer): Iterable<number> {
  const r = new Reader(message, HEADER_LENGTH)
  r.skip(r.u16())
  r.enter(r.u16())
  while (r.remaining > 0) {
    const flags = r.u8()
    yield r.u8()
    r.skip((flags & 0x10) === 0 ? r.u8() : r.u16())
  }
}

/** Whether the fields of RFC 4271 for IPv4 routes are in use. */
function legacyOf(message: Buffer): { withdrawn: boolean; advertised: boolean } {
  const withdrawn = message.readUInt16BE(19)
  const attributes = message.readUInt16BE(21 + withdrawn)
  return { withdrawn: withdrawn > 0, advertised: 23 + withdrawn + attributes < message.length }
}

/** Numbers of FlowSpec comparisons, whatever their size. */
const DECIMALS = 'bgp.flowspec_nlri.dec_val'

const colons = (octets: Octets): string => (hex(octets).match(/../g) ?? []).join(':')

function nlriFacts(facts: Facter, { family, nlri, pathIds }: NlriList, withdrawn: boolean): void {
  for (const one of nlri) {
    switch (safiOf(family)) {
      case Safi.Unicast: {
        const { ip, length } = one as Prefix
        const version = afiOf(family) === Afi.Ipv4 ? 'ipv4' : 'ipv6'
        facts.add(`bgp.mp_${withdrawn ? 'un' : ''}reach_nlri_${version}_prefix`, formatIp(ip))
        facts.add('bgp.prefix_length', length)
        break
      }
      case Safi.MplsVpn: {
        const { label, rd, ip, length } = one as VpnPrefix
        const isNone = withdrawn && (label === 0x80_0000 || label === 0)
        const mark = isNone ? '0 (withdrawn)' : `${labelOf(label)} (bottom)`
        if (afiOf(family) === Afi.Ipv6) {
          const text = `Label Stack=${mark} RD=${formatRd(rd)}, IPv6=${formatPrefix(one as VpnPrefix)}`
          facts.add(`${VPN_TEXT}.text`, text)
          break
        }
        facts.add(VPN_TEXT, mark)
        facts.add('bgp.rd', formatRd(rd))
        facts.add('bgp.prefix_length', 88 + length)
        facts.add(`bgp.mp_${withdrawn ? 'un' : ''}reach_nlri_ipv4_prefix`, formatIp(ip))
        break
      }
      case Safi.RouteTarget: {
        const { length, octets } = one as Membership
        if (length === 0) break
        facts.add('bgp.originating_as', u32(octets, 0))
        facts.add('bgp.community_prefix', administrator(octets.slice(4)))
        break
      }
      case Safi.Evpn:
        evpnFacts(facts, one as EvpnRoute)
        break
      case Safi.FlowSpecVpn:
        flowSpecFacts(facts, family, one as FlowSpecVpn)
        break
      default:
    }
  }
  if (pathIds !== null && family === EVPN) facts.add('bgp.nlri_path_id', ...pathIds)
}

function administrator(community: Octets): string {
  switch (community.charCodeAt(0)) {
    case 0:
      return `${u16(community, 2)}:${u32(community, 4)}`
    case 1:
      return `${formatIp(community.slice(2, 6) as Ip)}:${u16(community, 6)}`
    default:
      return `${u32(community, 2)}:${u16(community, 6)}`
  }
}

function evpnFacts(facts: Facter, route: EvpnRoute): void {
  const add = (field: string, ...values: (string | number)[]): void =>
    facts.add(`bgp.evpn.nlri.${field}`, ...values)
  if (route.type === 0) {
    add('rt', route.code)
    add('len', route.body.length)
    return
  }
  add('rt', route.type)
  add('rd', colons(route.rd))
  if ('esi' in route) add('esi', colons(route.esi))
  if ('ethernetTag' in route) add('etag', route.ethernetTag)
  const address = (ip: Ip): void => add(isIpv4(ip) ? 'ip.addr' : 'ipv6.addr', formatIp(ip))
  switch (route.type) {
    case 1:
      add('mpls_ls1', labelOf(route.label))
      break
    case 2:
      add('mac_addr', formatMac(route.mac))
      if (route.ip !== null) address(route.ip)
      add('mpls_ls1', labelOf(route.label))
      if (route.label2 !== null) add('mpls_ls2', labelOf(route.label2))
      break
    case 3:
    case 4:
      address(route.originator)
      break
    case 5:
      add('prefix_len', route.prefix.length)
      address(route.prefix.ip)
      add(isIpv4(route.gateway) ? 'ipv4.gtw_addr' : 'ipv6.gtw_addr', formatIp(route.gateway))
      facts.add('bgp.update.path_attribute.mpls_label_value', route.label)
      break
    default:
  }
}

function flowSpecFacts(facts: Facter, family: Family, { rd, rule }: FlowSpecVpn): void {
  const type = u16(rd, 0)
  facts.add('bgp.flowspec_route_distinguisher_type', type)
  if (type === 1) {
    facts.add('bgp.flowspec_route_distinguisher_admin_ipv4', formatIp(rd.slice(2, 6) as Ip))
    facts.add('bgp.flowspec_route_distinguisher_asnum_2', u16(rd, 6))
  }
  const decimals: number[] = []
  for (const component of flowSpecComponents(family, rule)) {
    facts.add('bgp.flowspec_nlri.filter_type', component.type)
    if ('prefix' in component) {
      const field = component.type === 1 ? 'dst' : 'src'
      const ipv6 = afiOf(family) === Afi.Ipv6
      if (component.offset === 0)
        facts.add(
          ipv6 ? `bgp.flowspec_nlri.${field}_ipv6_pref` : `bgp.flowspec_nlri.${field}_prefix_filter`,
          formatIp(component.prefix.ip),
        )
      continue
    }
    if (component.type < 9 || component.type === 10) {
      for (const { value } of component.matches) decimals.push(value)
    }
  }
  facts.add(DECIMALS, ...decimals)
}

function attributeFacts(facts: Facter, attributes: Attributes, { context }: Vector): void {
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
const octet = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`

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

/** The first fact that the dissector shows otherwise; undefined when it shows them all. */
export function disagreement(expected: Facts, { complaint, facts: seen }: Dissection): string | undefined {
  if (complaint !== undefined) return complaint
  for (const [field, values] of expected) {
    const shown = seen.get(field) ?? []
    if (shown.join() !== values.join()) return `${field} is ${values.join()}, not ${shown.join() || 'absent'}`
  }
  const unknown = UNKNOWN.find((field) => seen.has(field))
  if (unknown !== undefined) return `there is an ${unknown}`
  return expected.size < 2 ? 'nothing is known of it' : undefined
}
