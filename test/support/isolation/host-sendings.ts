import * as f from '../frames.ts'
import { addressOf, type Family, type Sending, type Vantage } from './vantage.ts'

/** Where the services listen that nothing may reach. */
export const SERVICE_PORT = 7123
export const UDP_PORTS = [SERVICE_PORT, 67, 547, 5353]

const GROUP_MAC: Readonly<Record<string, string>> = {
  '255.255.255.255': f.BROADCAST,
  '10.88.0.255': f.BROADCAST,
  '224.0.0.1': '01:00:5e:00:00:01',
  '224.0.0.251': '01:00:5e:00:00:fb',
  'ff02::1': '33:33:00:00:00:01',
  'ff02::2': '33:33:00:00:00:02',
  'ff02::fb': '33:33:00:00:00:fb',
  'ff02::1:2': '33:33:00:01:00:02',
}

type Target = readonly [name: string, address: (at: Vantage) => string]
const at = (address: string): Target => [address, () => address]
const node4: Target = ["the node's IPv4 address", ({ node }) => node.ipv4]
const node6: Target = ["the node's IPv6 address", ({ node }) => node.ipv6]
const hostLinkLocal: Target = ["the host's link-local address", ({ hostMac }) => f.linkLocal(hostMac)]
const portLinkLocal: Target = ["the port's link-local address", ({ portMac }) => f.linkLocal(portMac)]

/** The address of the VM that answers to this one would come to. */
function sourceFor(vm: Vantage['vm'], to: string): string {
  if (!to.includes(':')) return vm.ipv4
  return to.startsWith('f') && !to.startsWith('fd') ? f.linkLocal(vm.mac) : vm.ipv6
}

/** To the node itself, to the host by the groups that it is in, and by the reserved groups that a bridge hands to its host. */
function toHost(
  name: string,
  [target, address]: Target,
  packet: (ends: f.Ends, vantage: Vantage) => Buffer,
  mac?: string,
): Sending {
  return {
    name: `${name} to ${target}${mac === undefined ? '' : `, by ${mac}`}`,
    frames: (vantage) => {
      const to = address(vantage)
      const packetMac = target.startsWith("the port's") ? vantage.portMac : vantage.hostMac
      const ends = { from: sourceFor(vantage.vm, to), to }
      return [f.packetFrame(mac ?? GROUP_MAC[to] ?? packetMac, vantage.vm.mac, packet(ends, vantage))]
    },
  }
}

const toPort =
  (port: number) =>
  (ends: f.Ends, { mark }: Vantage) =>
    f.udp(ends, 5000, port, mark)
const syn = (ends: f.Ends, { mark }: Vantage) => f.tcpSyn(ends, 5000, SERVICE_PORT, mark)
const ping = (ends: f.Ends, { mark }: Vantage) => f.echoRequest(ends, mark)

const UNICAST = [node4, node6, hostLinkLocal]

/** What does not come to a service of Linux without our doing. */
const UNPROTECTED: readonly (readonly [RegExp, string])[] = [
  [/mDNS|DHCPv6/, 'the host has not joined the group'],
  [/the port's/, "what a port of a bridge receives is the bridge's"],
]

export const SERVICES: readonly Sending[] = [
  ...[
    ...UNICAST,
    portLinkLocal,
    at('255.255.255.255'),
    at('224.0.0.1'),
    at('10.88.0.255'),
    at('ff02::1'),
  ].map((target) => toHost('UDP', target, toPort(SERVICE_PORT))),
  ...UNICAST.map((target) => toHost('TCP', target, syn)),
  ...[...UNICAST, at('255.255.255.255'), at('224.0.0.1'), at('ff02::1')].map((target) =>
    toHost('echo request', target, ping),
  ),
  ...[0x00, 0x02, 0x0e].map((octet) => toHost('echo request', node6, ping, f.reserved(octet))),
  toHost('mDNS', at('224.0.0.251'), toPort(5353)),
  toHost('mDNS', at('ff02::fb'), toPort(5353)),
  toHost('DHCPv6', at('ff02::1:2'), toPort(547)),
  {
    name: 'DHCP',
    frames: ({ vm, mark }: Vantage) => [
      f.packetFrame(f.BROADCAST, vm.mac, f.udp({ from: '0.0.0.0', to: '255.255.255.255' }, 68, 67, mark)),
    ],
  },
].map((sending) => {
  const why = UNPROTECTED.find(([name]) => name.test(sending.name))
  return why === undefined ? sending : { ...sending, harmless: why[1] }
})

/** Asks for addresses of the host, and says that those of the underlay are the VM's. */
export const NEIGHBOURS: readonly Sending[] = [
  {
    name: "ARP for the node's address",
    frames: ({ vm, node }) => [arpRequest(f.BROADCAST, vm, node.ipv4)],
  },
  {
    name: "ARP for the node's address, by the host's MAC",
    frames: ({ vm, node, hostMac }) => [arpRequest(hostMac, vm, node.ipv4)],
  },
  {
    name: "ARP for the node's address, from that of another node",
    frames: ({ vm, node, otherNode }) => [
      arpRequest(f.BROADCAST, { mac: vm.mac, ipv4: otherNode.ipv4 }, node.ipv4),
    ],
  },
  {
    name: 'neighbour solicitation of the node',
    frames: (vantage) => {
      const { node } = vantage
      const group = f.solicitedNode(node.ipv6)
      return [solicitation(group.mac, vantage, group.ipv6, node.ipv6)]
    },
    harmless: 'IPv6 is answered where the address is',
  },
  {
    name: 'neighbour solicitation of the host',
    frames: (vantage) => {
      const target = f.linkLocal(vantage.hostMac)
      const group = f.solicitedNode(target)
      return [solicitation(group.mac, vantage, group.ipv6, target)]
    },
  },
  {
    name: "neighbour solicitation of the host, by the host's MAC",
    frames: (vantage) => {
      const target = f.linkLocal(vantage.hostMac)
      return [solicitation(vantage.hostMac, vantage, target, target)]
    },
  },
  {
    name: "gratuitous ARP for the other node's address",
    frames: ({ vm, otherNode }) => {
      const claimed = { mac: vm.mac, ipv4: otherNode.ipv4 }
      return [f.ethernet(f.BROADCAST, vm.mac, f.ETHERTYPE.arp, f.arp('reply', claimed, claimed))]
    },
    harmless: 'a neighbour is one of its interface',
  },
  {
    name: "unsolicited neighbour advertisement of the other node's address",
    frames: ({ vm, otherNode }) => {
      const packet = f.neighbourAdvertisement(
        { from: f.linkLocal(vm.mac), to: 'ff02::1' },
        otherNode.ipv6,
        vm.mac,
      )
      return [f.packetFrame('33:33:00:00:00:01', vm.mac, packet)]
    },
    harmless: 'a neighbour is one of its interface',
  },
]

function arpRequest(to: string, from: { mac: string; ipv4: string }, ipv4: string): Buffer {
  const asked = f.arp('request', from, { mac: '00:00:00:00:00:00', ipv4 })
  return f.ethernet(to, from.mac, f.ETHERTYPE.arp, asked)
}

function solicitation(toMac: string, { vm, mark }: Vantage, to: string, target: string): Buffer {
  const ends = { from: f.linkLocal(vm.mac), to }
  return f.packetFrame(toMac, vm.mac, f.neighbourSolicitation(ends, target, vm.mac, mark))
}

/** The prefix that the VM would have the host use. */
export const PREFIX = '2001:db8:666::'

/** What configures hosts of a link (RFC 4861), or makes them tell of themselves (RFC 3376, RFC 2710). */
export const CONFIGURATION: readonly Sending[] = [
  ...(
    [
      ['ff02::1', '33:33:00:00:00:01'],
      ['ff02::1', f.BROADCAST],
      ['ff02::1', f.reserved(0x0e)],
    ] as const
  ).map(([to, mac]) => ({
    name: `router advertisement to ${to}, by ${mac}`,
    frames: (vantage: Vantage) => [advertisement(vantage, to, mac)],
  })),
  {
    name: "router advertisement to the host's link-local address",
    frames: (vantage) => [advertisement(vantage, f.linkLocal(vantage.hostMac), vantage.hostMac)],
  },
  {
    name: 'router advertisement to ff02::1, in VLAN 0',
    frames: (vantage) => [f.priorityTagged(advertisement(vantage, 'ff02::1', '33:33:00:00:00:01'))],
  },
  {
    name: 'IGMP query',
    frames: ({ vm, mark }) => [
      f.packetFrame('01:00:5e:00:00:01', vm.mac, f.igmpQuery({ from: vm.ipv4, to: '224.0.0.1' }, mark)),
    ],
  },
  {
    name: 'MLD query',
    frames: ({ vm, mark }) => {
      const body = Buffer.concat([f.u16(1, 0), f.ipBytes('::'), mark])
      const ends = { from: f.linkLocal(vm.mac), to: 'ff02::1', ttl: 1 }
      return [f.packetFrame('33:33:00:00:00:01', vm.mac, f.icmp(ends, 130, 0, body))]
    },
  },
]

function advertisement({ vm, mark }: Vantage, to: string, toMac: string): Buffer {
  const packet = f.routerAdvertisement({ from: f.linkLocal(vm.mac), to }, PREFIX, vm.mac, mark)
  return f.packetFrame(toMac, vm.mac, packet)
}

/** What is behind the node's default gateway. */
export const INTERNET = { ipv4: '203.0.113.9', ipv6: '2001:db8:ffff::9' }

const MTU: Readonly<Record<Family, number>> = { IPv4: 700, IPv6: 1300 }

/** An answer that the node may have sent to another node, as a router on the way would quote it. */
export function quoted({ node, otherNode, mark }: Vantage, family: Family): Buffer {
  return f.echoReply({ from: addressOf(node, family), to: addressOf(otherNode, family) }, mark)
}

/** Messages of routers on the way to other nodes: that a packet was too big (RFC 1191, RFC 8201), that another router is better. */
export const PATHS: readonly Sending[] = [
  ...(
    [
      ['IPv4', node4],
      ['IPv6', node6],
      ['IPv6', hostLinkLocal],
      ['IPv6', at('ff02::1')],
    ] as const
  ).map(([family, target]) =>
    toHost('packet too big', target, (ends, vantage) => f.tooBig(ends, MTU[family], quoted(vantage, family))),
  ),
  {
    ...toHost('packet too big', node4, (ends, vantage) => f.tooBig(ends, MTU.IPv4, quoted(vantage, 'IPv4'))),
    name: "packet too big to the node's IPv4 address, by broadcast",
    frames: (vantage) => [
      f.packetFrame(
        f.BROADCAST,
        vantage.vm.mac,
        f.tooBig({ from: vantage.vm.ipv4, to: vantage.node.ipv4 }, MTU.IPv4, quoted(vantage, 'IPv4')),
      ),
    ],
  },
  toHost('redirect', node4, ({ to }, { machine, otherNode, mark }) => {
    const about = f.echoReply({ from: to, to: INTERNET.ipv4 }, mark)
    const body = Buffer.concat([f.ipBytes(otherNode.ipv4), about])
    return f.icmp({ from: machine.ipv4, to }, 5, 1, body)
  }),
]

const NO_WAY = "an IPv6 error is looked up in the VRF's table, which has no way to the other node"

/** ICMP errors to the gateway's address about packets of the node, which are not the VPN's. */
export const GATEWAY_PATHS: readonly Sending[] = (['IPv4', 'IPv6'] as const).flatMap((family) => {
  const target: Target = [`the gateway's ${family} address`, ({ gateway }) => addressOf(gateway, family)]
  const harmless = family === 'IPv6' ? { harmless: NO_WAY } : {}
  return [
    toHost('packet too big', target, (ends, vantage) => f.tooBig(ends, MTU[family], quoted(vantage, family))),
    toHost('packet too big, of a packet from there,', target, (ends, { otherNode, mark }) => {
      const about = f.echoReply({ from: ends.to, to: addressOf(otherNode, family) }, mark)
      return f.tooBig(ends, MTU[family], about)
    }),
  ].map((sending) => ({ ...sending, ...harmless }))
})

/** Protocols of the link to a bridge's own groups (IEEE 802.1Q 8.6.3); the Ethernet protocols that a host has for them. */
export const LINK_PROTOCOLS: readonly Sending[] = [
  { name: 'LLDP', octet: 0x0e, type: 0x88cc },
  { name: 'LLDP', octet: 0x03, type: 0x88cc },
  { name: 'LLDP', octet: 0x00, type: 0x88cc },
  { name: 'LACP', octet: 0x02, type: 0x8809 },
  { name: '802.1X', octet: 0x03, type: 0x888e },
  { name: 'pause', octet: 0x01, type: 0x8808, harmless: 'Linux drops pause frames' },
].map(({ name, octet, type, ...more }) => ({
  name: `${name} to ${f.reserved(octet)}`,
  frames: ({ vm, mark }) => [f.ethernet(f.reserved(octet), vm.mac, type, mark)],
  ...more,
}))
export const LINK_ETHERTYPES = [0x88cc, 0x8809, 0x888e, 0x8808]

/** While the machine forwards: to a machine of the underlay, and to the Internet. */
export const FORWARDED: readonly Sending[] = (
  [
    ['a machine of the underlay', ({ machine }) => machine.ipv4],
    ['a machine of the underlay', ({ machine }) => machine.ipv6],
    ['the Internet', () => INTERNET.ipv4],
    ['the Internet', () => INTERNET.ipv6],
  ] satisfies Target[]
).flatMap(([name, address], i) =>
  (['host', 'broadcast'] as const).map((mac) => ({
    name: `${i % 2 === 0 ? 'IPv4' : 'IPv6'} to ${name}, by ${mac === 'host' ? "the host's MAC" : 'broadcast'}`,
    forwarding: true,
    frames: (vantage: Vantage) => {
      const to = address(vantage)
      const ends = { from: sourceFor(vantage.vm, to), to }
      const packet = f.udp(ends, 5000, SERVICE_PORT, vantage.mark)
      return [f.packetFrame(mac === 'host' ? vantage.hostMac : f.BROADCAST, vantage.vm.mac, packet)]
    },
    ...(mac === 'broadcast' ? { harmless: 'what came by broadcast is not forwarded' } : {}),
  })),
)
