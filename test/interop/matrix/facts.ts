import { asPath } from '../../../src/bgp/attribute/as-path.ts'
import type { Attributes } from '../../../src/bgp/attribute/attributes.ts'
import {
  EVPN,
  type Family,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../../../src/bgp/family.ts'
import { nlriCodec } from '../../../src/bgp/nlri/index.ts'
import type { Route } from '../../../src/bgp/rib/route.ts'
import { encapsulationOf, formatExtendedCommunity } from '../../../src/bgp/values/extended-community.ts'
import { formatIp, unmapped } from '../../../src/values/address.ts'

export const FAMILIES = {
  EVPN,
  VPNv4: VPNV4,
  VPNv6: VPNV6,
  RTC: ROUTE_TARGET,
  'FlowSpec-VPNv4': FLOWSPEC_VPNV4,
  'FlowSpec-VPNv6': FLOWSPEC_VPNV6,
} as const satisfies Record<string, Family>

export type FamilyName = keyof typeof FAMILIES
export const FAMILY_NAMES = Object.keys(FAMILIES) as FamilyName[]

/**
 * A route in words that are the same for every program, one field for each thing a program shows of it:
 * `route` (the NLRI without what stands in other fields), `rd`, `label` (of EVPN the whole field, which is the VNI),
 * `nextHop`, `targets`, `encapsulation`, `redirect`, `asPath`. A field that a program does not show is not there.
 */
export type Facts = Readonly<Partial<Record<Field, string>>> & { readonly route: string }
export type Field = 'route' | 'rd' | 'label' | 'nextHop' | 'targets' | 'encapsulation' | 'redirect' | 'asPath'

/** Where a program's words for a route are other ones; what only one of both has is no difference. */
export function differences(reported: Facts, shown: Facts): string[] {
  return (Object.keys(reported) as Field[])
    .filter((field) => shown[field] !== undefined && shown[field] !== reported[field])
    .map((field) => `${field} ${shown[field]} instead of ${reported[field]}`)
}

/** The fields of one that the other does not have. */
export function missing(reported: Facts, shown: Facts): Field[] {
  return (Object.keys(reported) as Field[]).filter((field) => shown[field] === undefined)
}

export const formatFacts = (facts: Facts): string =>
  Object.entries(facts)
    .map(([field, value]) => `${field}=${value}`)
    .join(' ')

/** Leaves out the fields that are undefined. */
export function facts(fields: { readonly [F in Field]?: string | undefined } & { route: string }): Facts {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Facts
}

/** A route of our RIB. */
export function factsOf({ family, nlri, set }: Route): Facts {
  const { attributes, nextHop } = set
  const fields = nlriCodec(family)!.fields(nlri) as Record<string, string | number | null>
  const common = { asPath: [asPath.format(attributes.asPath ?? [])].flat(9).join(' ') }
  if (family === ROUTE_TARGET) {
    const target = String(fields['route_target']).replace('target:', '')
    return facts({ route: `${fields['origin_as']}:${target}`, ...common })
  }
  const communities = attributes.extendedCommunities ?? []
  const words = communities.map(formatExtendedCommunity)
  const [encapsulation] = communities.flatMap((community) => encapsulationOf(community) ?? [])
  return facts({
    route: routeOf(family, fields),
    rd: `${fields['rd']}`,
    label: labelOf(fields, attributes, family),
    nextHop: nextHop === null ? undefined : formatIp(unmapped(nextHop)),
    targets: valuesOf(words, 'target:'),
    encapsulation: encapsulation?.toString(),
    redirect: valuesOf(words, 'redirect:') || undefined,
    ...common,
  })
}

function routeOf(family: Family, fields: Readonly<Record<string, string | number | null>>): string {
  const { rd: _, ...rest } = fields
  switch (family) {
    case EVPN:
      return evpnRoute(fields)
    case FLOWSPEC_VPNV4:
    case FLOWSPEC_VPNV6:
      return Object.entries(rest)
        .map(([name, comparison]) => `${name.replaceAll('_', '-')} ${comparison}`)
        .join(' ')
    default:
      return `${fields['prefix']}`
  }
}

function evpnRoute(fields: Readonly<Record<string, string | number | null>>): string {
  switch (fields['route_type']) {
    case 2:
      return `mac ${fields['mac']} ${fields['ip'] ?? 'none'}`
    case 3:
      return `multicast ${fields['originator']}`
    default:
      return `prefix ${fields['prefix']}`
  }
}

function labelOf(
  fields: Readonly<Record<string, string | number | null>>,
  { pmsiTunnel }: Attributes,
  family: Family,
): string | undefined {
  const label = family === EVPN ? (fields['vni'] ?? pmsiTunnel?.label) : fields['label']
  return label?.toString()
}

const valuesOf = (words: readonly string[], prefix: string): string =>
  words
    .filter((word) => word.startsWith(prefix))
    .map((word) => word.slice(prefix.length))
    .sort()
    .join(' ')
