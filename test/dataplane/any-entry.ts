import fc, { type Arbitrary } from 'fast-check'
import type { Entry, Hop, Kind } from '../../src/dataplane/model.ts'
import { type Ip, ipv4FromNumber } from '../../src/values/address.ts'

const name = fc.constantFrom('br0', 'vx0', 'tap1', 'bvrf-1', 'eth0.100')
const number = fc.integer({ min: 0, max: 2 ** 24 - 1 })
const mac = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const ipv4 = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(ipv4FromNumber)
const ipv6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((octets) => Buffer.from(octets).toString('latin1') as Ip)
const ip = fc.oneof(ipv4, ipv6)
const mtu = fc.option(number)
const underlay = fc.option(name)
const drift = fc.record({ port: number, via: number, state: number }, { requiredKeys: [] })

/** IPv4 or IPv6, host bits included: a key has to keep them all. */
const prefix = fc.oneof(
  fc.record({ prefix: ipv4, prefixLength: fc.integer({ min: 0, max: 32 }) }),
  fc.record({ prefix: ipv6, prefixLength: fc.integer({ min: 0, max: 128 }) }),
)
const hop: Arbitrary<Hop> = fc.record({
  device: name,
  via: fc.option(ip),
  labels: fc.array(number, { maxLength: 2 }),
  weight: fc.integer({ min: 1, max: 255 }),
})
const hops = fc.oneof(
  hop.map((only) => [{ ...only, weight: 1 }]),
  fc.array(hop, { minLength: 2, maxLength: 3 }),
)

type Own = { readonly [K in Kind]: Arbitrary<Omit<Extract<Entry, { kind: K }>, 'kind' | 'device'>> }

/** The fields of an entry of each kind, without its kind and its device. */
const own: Own = {
  bridge: fc.record({ external: fc.boolean(), alias: name }),
  vrf: fc.record({ alias: name, table: number }),
  vxlan: fc.record({ alias: name, vni: number, local: ip, port: number, mtu, underlay }),
  tunnel: fc.record({
    alias: name,
    encapsulation: fc.constantFrom('gre', 'udp'),
    local: ip,
    remote: fc.option(ip),
    mtu,
    underlay,
  }),
  veth: fc.record({ alias: name, peer: name, mac, mtu, local: ip, underlay }),
  port: fc.record({
    bridge: name,
    external: fc.boolean(),
    learning: fc.boolean(),
    neighSuppress: fc.boolean(),
  }),
  'vrf-port': fc.record({ vrf: name }),
  'local-mac': fc.record({ mac }),
  flood: fc.record({ dst: ip, vni: number, drift }, { requiredKeys: ['dst', 'vni'] }),
  'remote-mac': fc.record({ mac, dst: ip, vni: number }),
  neighbour: fc.record({ ip, mac, router: fc.boolean() }),
  unreachable: fc.tuple(prefix, number).map(([own, table]) => ({ table, ...own })),
  'mpls-interface': fc.constant({}),
  'udp-port': fc.record({ ip }),
  address: prefix.map(({ prefix: ip, prefixLength }) => ({ ip, prefixLength })),
  'fixed-neighbour': fc.record({ ip, mac }),
  route: fc.tuple(prefix, number, hops).map(([own, table, hops]) => ({ table, ...own, hops })),
  mpls: fc.record({
    label: number,
    hops: hops.map((all) => all.map((each) => ({ ...each, weight: 1 }))),
  }),
  'proxy-neighbour': fc.record({ ip }),
}

/** Belongs to the machine, not to an interface. */
const OF_THE_MACHINE: readonly Kind[] = ['udp-port', 'mpls']

/** Any entry of a kind. */
export function anyEntry(kind: Kind): Arbitrary<Entry> {
  const device = OF_THE_MACHINE.includes(kind) ? fc.constant('lo') : name
  return fc.tuple(device, own[kind] as Arbitrary<object>).map(([at, more]) => {
    return { kind, device: at, ...more } as Entry
  })
}
