import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { attributeCodecs } from '../../src/bgp/attribute/index.ts'
import type { NlriList } from '../../src/bgp/attribute/mp.ts'
import { HEADER_LENGTH, MessageType } from '../../src/bgp/constants.ts'
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
import { labelOf } from '../../src/bgp/values/label.ts'
import { formatRd } from '../../src/bgp/values/rd.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { formatIp, type Ip, ipv4FromNumber, isIpv4, unmapped } from '../../src/values/address.ts'
import { u16, u32 } from '../../src/values/bytes.ts'
import { formatMac } from '../../src/values/mac.ts'
import { attributeFacts } from './tshark-attribute-facts.ts'
import { administrator, colons, Facter, type Facts } from './tshark-facter.ts'
import { messageOf, type Vector } from './vectors.ts'

/** The field whose text says more than its value: a whole VPN-IPv6 route. */
export const VPN_TEXT = 'bgp.label_stack'
/** What tshark shows of things that it frames but does not know. */
export const UNKNOWN = ['bgp.update.path_attributes.unknown', 'bgp.cap.unknown', 'bgp.ext_com.value_raw']

/** What a dissector should show of a vector, in tshark's fields; empty where tshark 4.0 knows nothing of it. */
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
export const DECIMALS = 'bgp.flowspec_nlri.dec_val'

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
