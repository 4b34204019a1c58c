import { type Ip, ipv4FromNumber, ipv4ToNumber, isIpv4 } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'

import type {
  Address,
  FixedNeighbour,
  Hop,
  LabelRoute,
  MplsInterface,
  ProxyNeighbour,
  Route,
  UdpPort,
  Unreachable,
} from './ip-entries.ts'
import type { Key, Layout } from './layout.ts'

/** The ways of a route, with the table that it is in. */
interface Ways {
  readonly table: number
  readonly hops: readonly Hop[]
}

/** Bounds the ways that one table remembers for sharing. */
const SHARED_WAYS = 4096

export function mplsInterfaces(): Layout<MplsInterface, 0, true> {
  return {
    kind: 'mpls-interface',
    key: () => 0,
    value: () => true,
    entry: (device) => ({ kind: 'mpls-interface', device }),
    same: () => true,
    identified: false,
  }
}

export function udpPorts(): Layout<UdpPort, Ip, true> {
  return {
    kind: 'udp-port',
    key: ({ ip }) => ip,
    value: () => true,
    entry: (_device, ip) => ({ kind: 'udp-port', device: 'lo', ip }),
    same: () => true,
    identified: false,
  }
}

export function addresses(): Layout<Address, Key, true> {
  return {
    kind: 'address',
    key: ({ ip, prefixLength }) => prefixKey(ip, prefixLength),
    value: () => true,
    entry(device, key) {
      const { prefix, prefixLength } = prefixOf(key)
      return { kind: 'address', device, ip: prefix, prefixLength }
    },
    same: () => true,
    identified: false,
  }
}

export function fixedNeighbours(): Layout<FixedNeighbour, Ip, Mac> {
  return {
    kind: 'fixed-neighbour',
    key: ({ ip }) => ip,
    value: ({ mac }) => mac,
    entry: (device, ip, mac) => ({ kind: 'fixed-neighbour', device, ip, mac }),
    same: (a, b) => a === b,
    identified: true,
  }
}

export function proxyNeighbours(): Layout<ProxyNeighbour, Ip, true> {
  return {
    kind: 'proxy-neighbour',
    key: ({ ip }) => ip,
    value: () => true,
    entry: (device, ip) => ({ kind: 'proxy-neighbour', device, ip }),
    same: () => true,
    identified: true,
  }
}

export function unreachables(): Layout<Unreachable, Key, number> {
  return {
    kind: 'unreachable',
    key: ({ prefix, prefixLength }) => prefixKey(prefix, prefixLength),
    value: ({ table }) => table,
    entry: (device, key, table) => ({ kind: 'unreachable', device, table, ...prefixOf(key) }),
    same: (a, b) => a === b,
    identified: true,
  }
}

/** Prefixes with the same ways share one value. */
export function routes(): Layout<Route, Key, Ways> {
  const shared = new Map<string, Ways>()
  return {
    kind: 'route',
    key: ({ prefix, prefixLength }) => prefixKey(prefix, prefixLength),
    value({ table, hops }) {
      const key = `${table} ${hopsKey(hops)}`
      const known = shared.get(key)
      if (known !== undefined) return known
      if (shared.size >= SHARED_WAYS) shared.clear()
      const ways = { table, hops: hops.length > 1 ? hops : unweighted(hops) }
      shared.set(key, ways)
      return ways
    },
    entry: (device, key, { table, hops }) => ({ kind: 'route', device, table, ...prefixOf(key), hops }),
    same: (a, b) => a === b || (a.table === b.table && hopsKey(a.hops) === hopsKey(b.hops)),
    identified: true,
    uses: ({ hops }) => hops,
  }
}

export function labelRoutes(): Layout<LabelRoute, number, readonly Hop[]> {
  return {
    kind: 'mpls',
    key: ({ label }) => label,
    value: ({ hops }) => unweighted(hops),
    entry: (_device, label, hops) => ({ kind: 'mpls', device: 'lo', label, hops }),
    same: (a, b) => hopsKey(a) === hopsKey(b),
    identified: true,
    uses: (hops) => hops,
  }
}

/** Where nothing is shared, shares mean nothing. */
function unweighted(hops: readonly Hop[]): readonly Hop[] {
  return hops.every(({ weight }) => weight === 1) ? hops : hops.map((hop) => ({ ...hop, weight: 1 }))
}

function hopsKey(hops: readonly Hop[]): string {
  let key = ''
  for (const { device, via, labels, weight } of hops) {
    key += `${device} ${via ?? '-'} ${labels.join('/')} ${hops.length > 1 ? weight : 1};`
  }
  return key
}

/** IPv4 prefixes are kept as numbers: the length above the address. */
function prefixKey(prefix: Ip, prefixLength: number): Key {
  return isIpv4(prefix)
    ? prefixLength * 2 ** 32 + ipv4ToNumber(prefix)
    : prefix + String.fromCharCode(prefixLength)
}

function prefixOf(key: Key): { prefix: Ip; prefixLength: number } {
  if (typeof key === 'number') {
    return { prefix: ipv4FromNumber(key % 2 ** 32), prefixLength: Math.floor(key / 2 ** 32) }
  }
  return { prefix: key.slice(0, -1) as Ip, prefixLength: key.charCodeAt(key.length - 1) }
}
