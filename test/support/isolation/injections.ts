import * as f from '../frames.ts'
import { addressOf, type Family, type Sending, type Vantage } from './vantage.ts'

/** Experimental (IEEE 802), so that no stack answers. */
const INNER_ETHERTYPE = 0x88b5
const UNKNOWN_MAC = '02:00:00:00:66:66'

const innerFrame = ({ mark }: Vantage): Buffer => f.ethernet(f.BROADCAST, UNKNOWN_MAC, INNER_ETHERTYPE, mark)

/** A frame for another tenant, behind the VXLAN header. */
const vxlan = (at: Vantage): Buffer => f.vxlan(at.otherVni, innerFrame(at))

type Choice = (at: Vantage) => string

const own: Choice = ({ vm, underlay }) => addressOf(vm, underlay)
const node: Choice = ({ node, underlay }) => addressOf(node, underlay)
const otherNode: Choice = ({ otherNode, underlay }) => addressOf(otherNode, underlay)
const hostMac: Choice = ({ hostMac }) => hostMac
const constant =
  (text: string): Choice =>
  () =>
    text
const broadcast = constant(f.BROADCAST)

interface Injection {
  readonly name: string
  readonly mac: Choice
  readonly from: Choice
  readonly to: Choice
  readonly harmless?: string
}

const NOT_FORWARDED = 'a bridge drops what is for the group of pause frames'

const EVERY_FAMILY: readonly Injection[] = [
  { name: "to the node, by the host's MAC", mac: hostMac, from: own, to: node },
  { name: "to the node, by the host's MAC, from another node", mac: hostMac, from: otherNode, to: node },
  { name: 'to the node, by broadcast', mac: broadcast, from: own, to: node },
  { name: 'to the node, by broadcast, from another node', mac: broadcast, from: otherNode, to: node },
  { name: 'to the other node, by broadcast', mac: broadcast, from: own, to: otherNode },
  { name: 'to the other node, by broadcast, from this one', mac: broadcast, from: node, to: otherNode },
  { name: "to the node, by the port's MAC", mac: ({ portMac }) => portMac, from: own, to: node },
  ...[0x00, 0x02, 0x03, 0x0e, 0x21].map((octet) => ({
    name: `to the node, by ${f.reserved(octet)}`,
    mac: constant(f.reserved(octet)),
    from: own,
    to: node,
  })),
  {
    name: 'to the node, by 01:80:c2:00:00:01',
    mac: constant(f.reserved(1)),
    from: own,
    to: node,
    harmless: NOT_FORWARDED,
  },
]

const OF_FAMILY: Readonly<Record<Family, readonly Injection[]>> = {
  IPv4: [
    { name: 'to 255.255.255.255', mac: broadcast, from: own, to: constant('255.255.255.255') },
    {
      name: 'to 255.255.255.255, from 0.0.0.0',
      mac: broadcast,
      from: constant('0.0.0.0'),
      to: constant('255.255.255.255'),
    },
    { name: 'to 224.0.0.1', mac: constant('01:00:5e:00:00:01'), from: own, to: constant('224.0.0.1') },
    {
      name: 'to 224.0.0.1, from 0.0.0.0',
      mac: constant('01:00:5e:00:00:01'),
      from: constant('0.0.0.0'),
      to: constant('224.0.0.1'),
    },
    { name: "to the underlay's broadcast address", mac: broadcast, from: own, to: constant('10.88.0.255') },
  ],
  IPv6: [
    {
      name: 'to ff02::1, from link-local',
      mac: constant('33:33:00:00:00:01'),
      from: ({ vm }) => f.linkLocal(vm.mac),
      to: constant('ff02::1'),
    },
    {
      name: 'to ff02::1, from ::',
      mac: constant('33:33:00:00:00:01'),
      from: constant('::'),
      to: constant('ff02::1'),
    },
    { name: 'to ff02::1, by broadcast', mac: broadcast, from: own, to: constant('ff02::1') },
    {
      name: "to the host's link-local address",
      mac: hostMac,
      from: ({ vm }) => f.linkLocal(vm.mac),
      to: ({ hostMac: mac }) => f.linkLocal(mac),
    },
  ],
}

function segment(at: Vantage, { from, to }: Injection): Buffer {
  return f.udpSegment({ from: from(at), to: to(at) }, 5000, f.VXLAN_PORT, vxlan(at))
}

function frames(at: Vantage, injection: Injection): Buffer[] {
  const packet = f.ip(
    { from: injection.from(at), to: injection.to(at) },
    f.PROTOCOL.udp,
    segment(at, injection),
  )
  return [f.packetFrame(injection.mac(at), at.vm.mac, packet)]
}

/** Frames for another tenant in VXLAN (RFC 7348 §7). */
export function vxlanInjections(family: Family): Sending[] {
  const injections = [...EVERY_FAMILY, ...OF_FAMILY[family]]
  const [first] = EVERY_FAMILY
  return [
    ...injections.map((injection) => ({
      name: `VXLAN ${injection.name}`,
      frames: (at: Vantage) => frames(at, injection),
      ...(injection.harmless === undefined ? {} : { harmless: injection.harmless }),
    })),
    ...[first!, ...OF_FAMILY[family].slice(0, 2)].map((injection) => ({
      name: `VXLAN ${injection.name}, in VLAN 0`,
      frames: (at: Vantage) => frames(at, injection).map(f.priorityTagged),
    })),
    {
      name: `VXLAN ${first!.name}, in fragments`,
      frames: (at) => {
        const ends = { from: first!.from(at), to: first!.to(at) }
        return f
          .fragments(ends, f.PROTOCOL.udp, segment(at, first!))
          .map((packet) => f.packetFrame(at.hostMac, at.vm.mac, packet))
      },
    },
  ]
}

/** Labels of the first endpoints of a node. */
const LABELS = [16, 17, 18, 19, 20, 21, 22, 23]

/** Packets for other tenants' VMs by their labels, in GRE from another provider edge or without a tunnel. */
export function mplsInjections(inner: (at: Vantage) => Buffer): Sending[] {
  const injections: readonly Injection[] = [
    { name: "to the node, by the host's MAC", mac: hostMac, from: otherNode, to: node },
    { name: 'to the node, by broadcast', mac: broadcast, from: otherNode, to: node },
    {
      name: 'to the node, from the VM itself',
      mac: hostMac,
      from: own,
      to: node,
      harmless: 'no tunnel takes packets from there',
    },
  ]
  return [
    ...injections.map(({ name, mac, from, to, ...more }) => ({
      name: `MPLS in GRE ${name}`,
      frames: (at: Vantage) =>
        LABELS.map((label) => {
          const packet = f.mplsInGre({ from: from(at), to: to(at) }, label, inner(at))
          return f.packetFrame(mac(at), at.vm.mac, packet)
        }),
      ...('harmless' in more ? { harmless: more.harmless } : {}),
    })),
    {
      name: 'MPLS without a tunnel',
      frames: (at) =>
        LABELS.map((label) => {
          const entry = f.u32(label * 0x1000 + 0x100 + 64)
          return f.ethernet(at.hostMac, at.vm.mac, f.ETHERTYPE.mpls, Buffer.concat([entry, inner(at)]))
        }),
      harmless: 'Linux takes labels on no interface by itself',
    },
  ]
}
