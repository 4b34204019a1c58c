import { formatIp, unmapped } from '../../../../src/values/address.ts'
import { type Facts, facts } from '../facts.ts'
import { addressOf } from '../links.ts'

/** A path in the JSON of vtysh, in its longest form. */
export interface Path {
  readonly vni?: string
  readonly stale?: boolean
  /** Its own. */
  readonly sourced?: boolean
  readonly remoteLabel?: number
  readonly aspath?: { readonly string: string }
  readonly extendedCommunity?: { readonly string: string }
  readonly pmsi?: { readonly label: number }
  readonly nexthops: readonly { readonly ip: string }[]
  readonly peer: { readonly peerId: string }
}

export interface Route {
  readonly routeType?: number
  readonly mac?: string
  readonly ip?: string
  readonly ipLen?: number
  readonly paths: readonly (Path | readonly Path[])[]
}

/** An entry of the list of advertised routes. */
export interface Advertised {
  readonly nextHop?: string
  readonly nextHopGlobal?: string
}

export type Table = Readonly<Record<string, Route>>

/** A path with the names that its table has for it. */
export interface Shown {
  readonly rd: string
  readonly name: string
  readonly facts: Facts
  readonly path: Path
}

/** An EVPN route's name in the words of all. */
export function evpnRoute({ routeType, mac, ip, ipLen }: Route): string {
  switch (routeType) {
    case 2:
      return `mac ${mac} ${ip ?? 'none'}`
    case 3:
      return `multicast ${ip}`
    default:
      return `prefix ${ip}/${ipLen}`
  }
}

/** The paths of one entry of a table; `ownLabel` is what the JSON leaves out. */
export function shownOf(
  rd: string,
  name: string,
  route: string,
  paths: readonly Path[],
  ownLabel?: string,
): Shown[] {
  return paths.map((path) => {
    const words = path.extendedCommunity?.string.split(' ') ?? []
    const wordOf = (prefix: string) => words.find((word) => word.startsWith(prefix))?.slice(prefix.length)
    const label = path.remoteLabel ?? path.vni ?? path.pmsi?.label ?? ownLabel
    const path4 = path.aspath?.string ?? ''
    return {
      rd,
      name,
      path,
      facts: facts({
        route,
        rd,
        label: label?.toString(),
        nextHop: formatIp(unmapped(addressOf(path.nexthops[0]!.ip))),
        targets: wordOf('RT:') ?? '',
        encapsulation: wordOf('ET:'),
        asPath: path4 === 'Local' ? '' : path4,
      }),
    }
  })
}
