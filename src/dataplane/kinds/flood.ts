import { formatIp, type Ip } from '../../values/address.ts'
import type { TableDefinition } from './definition.ts'
import { destinationOf, drift, driftText, type FdbDrift } from './fdb-drift.ts'
import { ip, name, natural } from './field.ts'

/** A VTEP of the flood list: an all-zero-MAC FDB entry of the VXLAN device. */
export interface Flood {
  readonly kind: 'flood'
  readonly device: string
  readonly dst: Ip
  readonly vni: number
  readonly drift?: FdbDrift
}

/** The drift's flags are those of the whole list, and identify no entry. */
export const flood = {
  kind: 'flood',
  role: 'table',
  vpn: 'evpn',
  fields: { device: name, dst: ip, vni: natural, drift },
  identity: (entry) =>
    `flood to ${formatIp(entry.dst)} vni ${entry.vni}${driftText(entry.drift)} on ${entry.device}`,
  isMarked: false,
  sendsTo: (entry) => destinationOf(0, entry),
  vtepOf: ({ dst }) => dst,
  unmarked: (entry) => ({ ...entry, drift: { ...entry.drift, flags: 0 } }),
  layout: () => ({
    key: ({ dst, vni, drift: { flags: _, ...apart } = {} }) =>
      `${dst}/${vni}${Object.keys(apart).length > 0 ? JSON.stringify(apart) : ''}`,
    value: (entry) => ({ dst: entry.dst, vni: entry.vni, ...(entry.drift && { drift: entry.drift }) }),
    entry: (device, _key, destination) => ({ kind: 'flood', device, ...destination }),
    same: (a, b) => a.drift?.flags === b.drift?.flags,
  }),
} satisfies TableDefinition<Flood, string, Omit<Flood, 'kind' | 'device'>>
