import { type Ip, isIpv4 } from '../../../values/address.ts'
import type { Link } from '../../driver.ts'
import { MPLS_UDP_PORT } from '../../kinds/udp-port.ts'
import type { MplsTunnel } from '../../model.ts'
import * as k from '../constants.ts'
import { isGreOptionChanged, isIpTunnelOptionChanged, TUNNEL_HOPS } from '../link-options.ts'
import type { NetlinkAttributes, NetlinkWriter } from '../message.ts'
import { mplsInput } from '../sysctl.ts'
import type { LinkBeingRead, LinuxLinkDefinition } from './link-definition.ts'

const GRE = ['gre', 'ip6gre']

/** A tunnel for labelled packets, in GRE or in UDP. */
export const tunnel: LinuxLinkDefinition<MplsTunnel> = {
  kind: 'tunnel',
  kernelKinds: new Map([
    ['gre', 'ip_gre'],
    ['ip6gre', 'ip6_gre'],
    ['ipip', 'ipip'],
    ['ip6tnl', 'ip6_tunnel'],
  ]),
  writeTraits(writer, entry) {
    if (entry.encapsulation === 'gre') writeGre(writer, entry)
    else writeUdp(writer, entry)
  },
  read(data, link) {
    if (GRE.includes(link.kind ?? '')) readGre(data, link)
    else readIpTunnel(data, link)
  },
  settingsOf: mplsInput,
  remedy({ encapsulation, local }, errno) {
    if (errno !== k.EINVAL || encapsulation !== 'udp') return ''
    return `: without CONFIG_NET_FOU_IP_TUNNELS the kernel sends no MPLS in UDP; with it: modprobe ${isIpv4(local) ? 'fou' : 'fou6'}`
  },
}

/** Whether its kind can be a tunnel of chanter's. */
export function isTunnel({ kind }: Pick<Link, 'kind'>): boolean {
  return kind !== null && tunnel.kernelKinds.has(kind)
}

function writeGre(writer: NetlinkWriter, { local, remote }: MplsTunnel): void {
  writer.attributeIp(k.IFLA_GRE_LOCAL, local)
  if (remote !== null) writer.attributeIp(k.IFLA_GRE_REMOTE, remote)
  writer.attributeU8(k.IFLA_GRE_TTL, TUNNEL_HOPS)
  // or IPv6 puts a header before GRE that other machines would have to understand
  if (!isIpv4(local)) writer.attributeU32(k.IFLA_GRE_FLAGS, k.IP6_TNL_F_IGN_ENCAP_LIMIT)
}

/** The kernel chooses the source port, which identifies flows (RFC 7510 §3). */
function writeUdp(writer: NetlinkWriter, { local, remote }: MplsTunnel): void {
  writer.attributeIp(k.IFLA_IPTUN_LOCAL, local)
  if (remote !== null) writer.attributeIp(k.IFLA_IPTUN_REMOTE, remote)
  writer.attributeU8(k.IFLA_IPTUN_TTL, TUNNEL_HOPS)
  // of IPv6 tunnels, only those for any protocol carry MPLS
  writer.attributeU8(k.IFLA_IPTUN_PROTO, isIpv4(local) ? k.IPPROTO_MPLS : 0)
  if (!isIpv4(local)) writer.attributeU32(k.IFLA_IPTUN_FLAGS, k.IP6_TNL_F_IGN_ENCAP_LIMIT)
  writer.attributeU16(k.IFLA_IPTUN_ENCAP_TYPE, k.TUNNEL_ENCAP_FOU)
  writer.attributeU16(k.IFLA_IPTUN_ENCAP_FLAGS, isIpv4(local) ? 0 : k.TUNNEL_ENCAP_FLAG_CSUM6)
  writer.attributePort(k.IFLA_IPTUN_ENCAP_DPORT, MPLS_UDP_PORT)
}

/** With other options than ours it carries no packets of ours. */
function readGre(data: NetlinkAttributes, link: LinkBeingRead): void {
  link.encapsulation = 'gre'
  while (data.next()) {
    if (isGreOptionChanged(data)) link.encapsulation = null
    else if (data.type === k.IFLA_GRE_LOCAL) link.local = data.octets() as Ip
    else if (data.type === k.IFLA_GRE_REMOTE) link.peer = readPeer(data)
  }
}

function readIpTunnel(data: NetlinkAttributes, link: LinkBeingRead): void {
  let type = 0
  let port = 0
  let isOurs = true
  while (data.next()) {
    if (isIpTunnelOptionChanged(data)) isOurs = false
    else if (data.type === k.IFLA_IPTUN_LOCAL) link.local = data.octets() as Ip
    else if (data.type === k.IFLA_IPTUN_REMOTE) link.peer = readPeer(data)
    else if (data.type === k.IFLA_IPTUN_ENCAP_TYPE) type = data.u16()
    else if (data.type === k.IFLA_IPTUN_ENCAP_DPORT) port = data.network()
  }
  if (isOurs && type === k.TUNNEL_ENCAP_FOU && port === MPLS_UDP_PORT) link.encapsulation = 'udp'
}

/** All zeros mean no address. */
function readPeer(data: NetlinkAttributes): Ip | null {
  const octets = data.octets()
  return /^\0*$/.test(octets) ? null : (octets as Ip)
}
