import type {
  FixedNeighbour,
  Hop,
  LabelRoute,
  MplsInterface,
  MplsTunnel,
  PortAddress,
  ProxyNeighbour,
  UdpPort,
  Unreachable,
  Veth,
  VrfDevice,
  VrfPort,
  VrfRoute,
} from '../../src/dataplane/model.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { ip, mac } from './entries.ts'

/** Of `red` and `blue`. */
export const TABLES = [1001, 1002] as const

export const red: VrfDevice = { kind: 'vrf', device: 'bvrf-1', alias: 'chanter:red', table: TABLES[0] }
export const blue: VrfDevice = { kind: 'vrf', device: 'bvrf-2', alias: 'chanter:blue', table: TABLES[1] }
export const gre: MplsTunnel = {
  kind: 'tunnel',
  device: 'gre-2',
  alias: 'chanter:gre',
  encapsulation: 'gre',
  local: ip('192.0.2.1'),
  remote: ip('192.0.2.2'),
  mtu: null,
  underlay: null,
}
export const greFromAll: MplsTunnel = { ...gre, device: 'gre-any', remote: null }
export const udpPort: UdpPort = { kind: 'udp-port', device: 'lo', ip: ip('127.0.0.1') }
export const udpPort6: UdpPort = { kind: 'udp-port', device: 'lo', ip: ip('::1') }
export const core: MplsInterface = { kind: 'mpls-interface', device: 'core0' }

/** An end of a veth pair with the MAC address `n`. */
export function end(device: string, peer: string, n: number): Veth {
  const own = { device, peer, mac: mac(n), alias: 'chanter:red' }
  return { kind: 'veth', ...own, mtu: null, local: gre.local, underlay: null }
}

export function port(device = 'tap1', vrf = red): VrfPort {
  return { kind: 'vrf-port', device, vrf: vrf.device }
}

export function address(text: string, device = 'tap1'): PortAddress {
  const { ip: own, prefixLength } = prefixed(text)
  return { kind: 'address', device, ip: own, prefixLength }
}

export function fixed(text: string, n: number, device = 'tap1'): FixedNeighbour {
  return { kind: 'fixed-neighbour', device, ip: ip(text), mac: mac(n) }
}

export function proxy(text: string, device = 'tap1'): ProxyNeighbour {
  return { kind: 'proxy-neighbour', device, ip: ip(text) }
}

export function unreachable(text: string, { device, table } = red): Unreachable {
  const { ip: prefix, prefixLength } = prefixed(text)
  return { kind: 'unreachable', device, table, prefix, prefixLength }
}

/** A hop in the words of iproute2: `tap1`, `core0 via 192.0.2.2 push 100/200 weight 3`. */
export function hop(text: string): Hop {
  const [device = '', ...words] = text.split(' ')
  const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
  const via = after('via')
  return {
    device,
    via: via === undefined ? null : ip(via),
    labels: after('push')?.split('/').map(Number) ?? [],
    weight: Number(after('weight') ?? 1),
  }
}

export function route(text: string, hops: readonly string[], { device, table } = red): VrfRoute {
  const { ip: prefix, prefixLength } = prefixed(text)
  return { kind: 'route', device, table, prefix, prefixLength, hops: hops.map(hop) }
}

export function label(n: number, ...hops: readonly string[]): LabelRoute {
  return { kind: 'mpls', device: 'lo', label: n, hops: hops.map(hop) }
}

function prefixed(text: string) {
  const parsed = parseInterfaceAddress(text)
  if (parsed === undefined) throw new Error(`no address with a prefix length: ${text}`)
  return parsed
}
