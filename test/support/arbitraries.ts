import fc from 'fast-check'
import type { AttributeField } from '../../src/bgp/attribute/attributes.ts'
import {
  type Aggregator,
  AsSegmentType,
  type Attributes,
  noAttributes,
} from '../../src/bgp/attribute/attributes.ts'
import { FOLDED_FIELDS } from '../../src/bgp/attribute/index.ts'
import {
  EVPN,
  type Family,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  IPV4_UNICAST,
  IPV6_UNICAST,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../../src/bgp/family.ts'
import { type Capabilities, noCapabilities } from '../../src/bgp/message/capability.ts'
import type { Open } from '../../src/bgp/message/open.ts'
import type { EvpnRoute } from '../../src/bgp/nlri/evpn/index.ts'
import type { FlowSpecVpn } from '../../src/bgp/nlri/flow-spec.ts'
import type { Nlri } from '../../src/bgp/nlri/index.ts'
import { maskPrefix, octetsFor, type Prefix } from '../../src/bgp/nlri/prefix.ts'
import type { Membership } from '../../src/bgp/nlri/route-target.ts'
import type { VpnPrefix } from '../../src/bgp/nlri/vpn.ts'
import type { Esi } from '../../src/bgp/values/esi.ts'
import { ZERO_ESI } from '../../src/bgp/values/esi.ts'
import type { ExtendedCommunity } from '../../src/bgp/values/extended-community.ts'
import type { Rd } from '../../src/bgp/values/rd.ts'
import type { Ip } from '../../src/values/address.ts'
import { type Octets, octets } from '../../src/values/bytes.ts'

/** Random values of everything that goes on the wire, in the one form that decoding gives them. */

type Any<T> = fc.Arbitrary<T>

const maybe = <T>(value: Any<T>): Any<T | null> => fc.option(value, { nil: null })
const uint = (bits: number): Any<number> => fc.integer({ min: 0, max: 2 ** bits - 1 })
export const octetsOf = (minLength: number, maxLength = minLength): Any<Octets> =>
  fc.uint8Array({ minLength, maxLength }).map(octets)

const ipv4 = octetsOf(4) as Any<Ip>
/** Without those that stand for an IPv4 address: they are read as such. */
const ipv6 = octetsOf(16).filter((ip) => !ip.startsWith('\0\0\0\0\0\0\0\0\0\0\xff\xff')) as Any<Ip>
const ip = fc.oneof(ipv4, ipv6)
const rd = octetsOf(8) as Any<Rd>
const esi = fc.oneof(fc.constant(ZERO_ESI), octetsOf(10) as Any<Esi>)
const ethernetTag = fc.oneof(fc.constantFrom(0, 0xffff_ffff), uint(32))
const label = uint(24)

function prefixOf(address: Any<Ip>, bits: number): Any<Prefix> {
  return fc
    .tuple(address, fc.integer({ min: 0, max: bits }))
    .map(([whole, length]) => ({ ip: maskPrefix(whole, length), length }))
}
const prefix4 = prefixOf(ipv4, 32)
const prefix6 = prefixOf(octetsOf(16) as Any<Ip>, 128)

function vpn(prefix: Any<Prefix>): Any<VpnPrefix> {
  return fc.tuple(prefix, rd, uint(23)).map(([of, distinguisher, field]) => ({
    ...of,
    rd: distinguisher,
    label: (field << 1) | 1,
  }))
}

/** EVPN routes by their type; 0 stands for the types that are not read. */
export const evpnRoutes: Readonly<Record<EvpnRoute['type'], Any<EvpnRoute>>> = {
  0: fc.record({
    type: fc.constant(0 as const),
    code: fc.integer({ min: 6, max: 255 }),
    body: octetsOf(0, 255),
  }),
  1: fc.record({ type: fc.constant(1 as const), rd, esi, ethernetTag, label }),
  2: fc.record({
    type: fc.constant(2 as const),
    rd,
    esi,
    ethernetTag,
    mac: uint(48),
    ip: maybe(ip),
    label,
    label2: maybe(label),
  }),
  3: fc.record({ type: fc.constant(3 as const), rd, ethernetTag, originator: ip }),
  4: fc.record({ type: fc.constant(4 as const), rd, esi, originator: ip }),
  5: fc.oneof(ipPrefix(prefix4, ipv4, 4), ipPrefix(prefix6, octetsOf(16) as Any<Ip>, 16)),
}

function ipPrefix(prefix: Any<Prefix>, address: Any<Ip>, length: number): Any<EvpnRoute> {
  const none = '\0'.repeat(length) as Ip
  const overlay = fc.oneof(
    fc.tuple(esi, fc.constant(none)),
    fc.tuple(fc.constant(ZERO_ESI), fc.oneof(fc.constant(none), address)),
  )
  return fc
    .tuple(rd, overlay, ethernetTag, prefix, label)
    .map(([distinguisher, [of, gateway], tag, to, field]) => ({
      type: 5 as const,
      rd: distinguisher,
      esi: of,
      ethernetTag: tag,
      prefix: to,
      gateway,
      label: of === ZERO_ESI && gateway === none ? field || 1 : field,
    }))
}

const membership: Any<Membership> = fc
  .tuple(fc.oneof(fc.constantFrom(0, 32, 96), fc.integer({ min: 32, max: 96 })), octetsOf(12))
  .map(([length, bits]) => ({ length, octets: maskPrefix(bits, length) }))

/** One FlowSpec component as octets, its type in front. */
function component(type: number, ipv6Rule: boolean): Any<Octets> {
  if (type > 2) {
    const isBitmask = type === 9 || type === 12
    const comparison = fc.tuple(
      isBitmask ? uint(2) : uint(3),
      fc.constantFrom(0, 1, 2, 3),
      fc.boolean(),
      octetsOf(8),
    )
    return fc.array(comparison, { minLength: 1, maxLength: 6 }).map((list) =>
      list.reduce((text, [bits, size, and, value], i) => {
        const end = i === list.length - 1 ? 0x80 : 0
        const operator = end | (and && i > 0 ? 0x40 : 0) | (size << 4) | bits
        return text + String.fromCharCode(operator) + value.slice(0, 1 << size)
      }, String.fromCharCode(type)),
    )
  }
  if (!ipv6Rule)
    return prefix4.map(
      ({ ip: address, length }) => String.fromCharCode(type, length) + address.slice(0, octetsFor(length)),
    )
  return fc.tuple(fc.integer({ min: 0, max: 128 }), fc.nat(), octetsOf(16)).map(([length, from, pattern]) => {
    const offset = length === 0 ? 0 : from % length
    const bits = length - offset
    return String.fromCharCode(type, length, offset) + maskPrefix(pattern, bits).slice(0, octetsFor(bits))
  })
}

function flowSpec(ipv6Rule: boolean): Any<FlowSpecVpn> {
  const types = Array.from({ length: ipv6Rule ? 13 : 12 }, (_, i) => i + 1)
  return fc
    .tuple(rd, fc.subarray(types, { minLength: 1 }))
    .chain(([distinguisher, chosen]) =>
      fc
        .tuple(...chosen.map((type) => component(type, ipv6Rule)))
        .map((parts) => ({ rd: distinguisher, rule: parts.join('') })),
    )
}

/** Routes of every family that is read. */
export const routes: ReadonlyMap<Family, Any<Nlri>> = new Map<Family, Any<Nlri>>([
  [IPV4_UNICAST, prefix4],
  [IPV6_UNICAST, prefix6],
  [VPNV4, vpn(prefix4)],
  [VPNV6, vpn(prefix6)],
  [EVPN, fc.oneof(...Object.values(evpnRoutes))],
  [ROUTE_TARGET, membership],
  [FLOWSPEC_VPNV4, flowSpec(false)],
  [FLOWSPEC_VPNV6, flowSpec(true)],
])

/** A next hop that a family can carry, as it is read back. */
export function nextHopOf(family: Family): Any<Ip | null> {
  switch (family) {
    case FLOWSPEC_VPNV4:
    case FLOWSPEC_VPNV6:
      return fc.constant(null)
    case IPV6_UNICAST:
      return ipv6
    default:
      return ip
  }
}

const asn = fc.oneof(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 0x1_0000, max: 0xffff_ffff }))
const segment = (type: number) =>
  fc.record({ type: fc.constant(type), asns: fc.array(asn, { minLength: 1, maxLength: 8 }) })
/** Confederation segments stand in front, as they do in a path that was not tampered with. */
const asPath = fc
  .tuple(
    fc.array(segment(AsSegmentType.ConfedSequence), { maxLength: 2 }),
    fc.array(segment(AsSegmentType.Sequence), { maxLength: 3 }),
  )
  .map((parts) => parts.flat())
const aggregator: Any<Aggregator> = fc.record({ as: asn, address: ipv4 })
const community = octetsOf(8) as Any<ExtendedCommunity>
const some = <T>(item: Any<T>, maxLength = 40): Any<T[]> => fc.array(item, { minLength: 1, maxLength })
/** Sub-TLVs of a tunnel, whose length takes two octets from type 128 on: the endpoint, and what else there is. */
const ENDPOINT = '\x06\x0a\0\0\0\0\0\x01\xc0\0\x02\x02'
const subTlvs = fc
  .array(fc.record({ type: uint(8).filter((type) => type !== 6), value: octetsOf(0, 40) }), { maxLength: 3 })
  .map((items) =>
    items
      .map(({ type, value }) => {
        const length = String.fromCharCode(value.length)
        return `${String.fromCharCode(type)}${type < 128 ? length : `\0${length}`}${value}`
      })
      .reduce((all, one) => all + one, ENDPOINT),
  )

/** Values of every attribute, by the name of its field. */
export const attributeValues: { readonly [F in AttributeField]: Any<NonNullable<Attributes[F]>> } = {
  origin: fc.constantFrom(0, 1, 2),
  asPath,
  nextHop: ipv4,
  multiExitDisc: uint(32),
  localPref: uint(32),
  atomicAggregate: fc.constant(true),
  aggregator,
  communities: some(uint(32), 80),
  originatorId: uint(32),
  clusterList: some(uint(32)),
  extendedCommunities: some(community),
  as4Path: some(segment(AsSegmentType.Sequence), 3),
  as4Aggregator: aggregator,
  pmsiTunnel: fc
    .record({
      flags: uint(8),
      tunnelType: fc.constantFrom(0, 3, 6),
      label,
      tunnelId: octetsOf(0, 24),
      endpoint: ip,
    })
    .map(({ endpoint, ...tunnel }) => (tunnel.tunnelType === 6 ? { ...tunnel, tunnelId: endpoint } : tunnel)),
  tunnelEncapsulation: some(fc.record({ type: uint(16), value: subTlvs }), 4),
  ipv6ExtendedCommunities: some(octetsOf(20), 4),
  largeCommunities: some(octetsOf(12), 4),
  prefixSid: some(fc.record({ type: fc.constantFrom(0, 2, 5, 6, 255), value: octetsOf(0, 40) }), 4),
}

/** Codes that no codec has. */
const unknownCode = fc.constantFrom(24, 26, 33, 99, 128, 254)

/** All the attributes that a route may come with; those that `internal` sessions alone carry only there. */
export function attributesOf(internal: boolean): Any<Attributes> {
  const withoutConfederations = asPath.map((path) =>
    path.filter(({ type }) => type < AsSegmentType.ConfedSequence),
  )
  const unknown = fc.uniqueArray(
    fc.record({ code: unknownCode, flags: fc.constant(0xe0), value: octetsOf(0, 20) }),
    { minLength: 1, maxLength: 3, selector: ({ code }) => code },
  )
  const none = fc.constant(null)
  const { origin, localPref } = attributeValues
  const particular: { readonly [F in AttributeField]?: Any<Attributes[F]> } = {
    origin,
    asPath: internal ? asPath : withoutConfederations,
    ...(internal ? { localPref } : { localPref: none, originatorId: none, clusterList: none }),
    ...Object.fromEntries(FOLDED_FIELDS.map((field) => [field, none])),
  }
  const optional = Object.entries(attributeValues).map(([field, value]) => [field, maybe<unknown>(value)])
  return fc
    .record({ ...Object.fromEntries(optional), ...particular, unknown: maybe(unknown) })
    .map((chosen) => ({ ...noAttributes(), ...chosen }))
}

const family = fc.tuple(uint(16), uint(8)).map(([afi, safi]) => (afi << 8) | safi)
const familyList = <T>(rest: Record<string, Any<unknown>>): Any<T[]> =>
  fc.array(fc.record({ family, ...rest }), { maxLength: 6 }) as unknown as Any<T[]>
const text = (maxLength: number): Any<string> => fc.string({ unit: 'grapheme', maxLength })

/** What an OPEN advertises, capability by capability; the code says which. */
export const capabilityValues: Readonly<Record<number, Any<Partial<Capabilities>>>> = {
  1: fc.array(family, { maxLength: 8 }).map((families) => ({ families })),
  2: fc.boolean().map((routeRefresh) => ({ routeRefresh })),
  5: familyList<Capabilities['extendedNextHop'][number]>({ nextHopAfi: uint(16) }).map((extendedNextHop) => ({
    extendedNextHop,
  })),
  6: fc.boolean().map((extendedMessage) => ({ extendedMessage })),
  9: maybe(uint(8)).map((role) => ({ role })),
  64: maybe(
    fc.record({
      restarting: fc.boolean(),
      notification: fc.boolean(),
      restartTimeSeconds: uint(12),
      families: familyList<{ family: Family; forwarding: boolean }>({ forwarding: fc.boolean() }),
    }),
  ).map((gracefulRestart) => ({ gracefulRestart })),
  65: maybe(uint(32)).map((fourOctetAs) => ({ fourOctetAs })),
  69: familyList<Capabilities['addPath'][number]>({ mode: fc.constantFrom(1, 2, 3) }).map((addPath) => ({
    addPath,
  })),
  70: fc.boolean().map((enhancedRouteRefresh) => ({ enhancedRouteRefresh })),
  71: familyList<Capabilities['longLivedGracefulRestart'][number]>({
    forwarding: fc.boolean(),
    staleTimeSeconds: uint(24),
  }).map((longLivedGracefulRestart) => ({ longLivedGracefulRestart })),
  73: maybe(text(40)).map((hostname) => ({ hostname })),
  75: maybe(text(40)).map((softwareVersion) => ({ softwareVersion })),
  128: fc.constant({}),
}

const unknownCapability = fc.record({ code: fc.constantFrom(3, 8, 67, 185, 255), value: octetsOf(0, 40) })

export const capabilities: Any<Capabilities> = fc
  .tuple(fc.array(unknownCapability, { maxLength: 3 }), ...Object.values(capabilityValues))
  .map(([unknown, ...parts]) => Object.assign(noCapabilities(), { unknown }, ...parts))

export const opens: Any<Open> = fc
  .record({ as: asn, holdTimeSeconds: uint(16), identifier: uint(32), capabilities })
  .map(({ as, capabilities: advertised, ...open }) => ({
    ...open,
    version: 4,
    as,
    // Without the capability an AS of four octets cannot be encoded.
    capabilities: { ...advertised, fourOctetAs: as > 0xffff || advertised.fourOctetAs !== null ? as : null },
  }))
