import type { Key } from '../../values/key-map.ts'
import type { Link } from '../driver.ts'
import { address } from './address.ts'
import { bridge } from './bridge.ts'
import type { Definition, LinkDefinition, PortDefinition, TableDefinition } from './definition.ts'
import { formatFields, type Parsed, parseFields, type Shown } from './field.ts'
import { fixedNeighbour } from './fixed-neighbour.ts'
import { flood } from './flood.ts'
import { labelRoute } from './label-route.ts'
import { localMac } from './local-mac.ts'
import { mplsInterface } from './mpls-interface.ts'
import { neighbour } from './neighbour.ts'
import { port } from './port.ts'
import { proxyNeighbour } from './proxy-neighbour.ts'
import { remoteMac } from './remote-mac.ts'
import { route } from './route.ts'
import { tunnel } from './tunnel.ts'
import { udpPort } from './udp-port.ts'
import { unreachable } from './unreachable.ts'
import { veth } from './veth.ts'
import { vrf } from './vrf.ts'
import { vrfPort } from './vrf-port.ts'
import { vxlan } from './vxlan.ts'

/** All kinds, in the order in which entries of them are set; they are removed in the reverse order. */
export const definitions = [
  bridge,
  vrf,
  vxlan,
  tunnel,
  veth,
  port,
  vrfPort,
  localMac,
  flood,
  remoteMac,
  neighbour,
  unreachable,
  mplsInterface,
  udpPort,
  address,
  fixedNeighbour,
  route,
  labelRoute,
  proxyNeighbour,
] as const

type Of<D> = Extract<(typeof definitions)[number], D>
type ShownOf<D> = D extends { readonly kind: infer K; readonly fields: infer F }
  ? { readonly kind: K } & Shown<F>
  : never
type EntryOf<D> = D extends { identity(entry: infer E): string } ? E : never

/** One thing that the kernel should hold. */
export type Entry = EntryOf<(typeof definitions)[number]>
export type Kind = Entry['kind']
/** An entry in JSON. */
export type ShownEntry = ShownOf<(typeof definitions)[number]>
/** Entries that define an owned device. */
export type LinkEntry = EntryOf<Of<{ readonly role: 'link' }>>
/** Entries that enslave a device. */
export type PortEntry = EntryOf<Of<{ readonly role: 'port' }>>
/** Entries of which a device has one. */
export type DeviceEntry = LinkEntry | PortEntry
/** Entries of which a device has many. */
export type TableEntry = EntryOf<Of<{ readonly role: 'table' }>>
export type TableKind = TableEntry['kind']

/** The definition of any kind; pass its methods only entries of its own kind. */
export type AnyTableDefinition = TableDefinition<TableEntry, Key, unknown>
type AnyDefinition = LinkDefinition<LinkEntry> | PortDefinition<PortEntry> | AnyTableDefinition

const byKind = new Map<string, AnyDefinition>(
  definitions.map((definition) => [definition.kind, definition as unknown as AnyDefinition]),
)

export const KINDS: readonly Kind[] = definitions.map(({ kind }) => kind)
/** The kinds of links, in the order in which they are set. */
export const LINK_KINDS: readonly LinkEntry['kind'][] = kindsOf('link')
/** The kinds of ports. */
export const PORT_KINDS: readonly PortEntry['kind'][] = kindsOf('port')
/** The kinds that are kept in tables, in the order in which they are set. */
export const TABLE_KINDS: readonly TableKind[] = kindsOf('table')

const linkKinds: ReadonlySet<Kind> = new Set(LINK_KINDS)
const portKinds: ReadonlySet<Kind> = new Set(PORT_KINDS)
const tableKinds: ReadonlySet<Kind> = new Set(TABLE_KINDS)

/** The kinds of which a bridge has the MAC behind a port. */
export const BRIDGED_KINDS: readonly TableKind[] = TABLE_KINDS.filter(
  (kind) => tableDefinition(kind).isBridged,
)

function kindsOf<R extends AnyDefinition['role']>(role: R): Of<{ readonly role: R }>['kind'][] {
  return definitions.flatMap((definition) => (definition.role === role ? definition.kind : []) as never)
}

function definitionOf(kind: Kind): AnyDefinition {
  return byKind.get(kind)!
}

export function tableDefinition(kind: TableKind): AnyTableDefinition {
  return definitionOf(kind) as AnyTableDefinition
}

export function linkDefinition(kind: LinkEntry['kind']): LinkDefinition<LinkEntry> {
  return definitionOf(kind) as LinkDefinition<LinkEntry>
}

export function portDefinition(kind: PortEntry['kind']): PortDefinition<PortEntry> {
  return definitionOf(kind) as PortDefinition<PortEntry>
}

/** How entries are packed for another thread; undefined for kinds that are sent as they are. */
export function packingOf(kind: Kind): Definition<Entry>['packing'] {
  return (definitionOf(kind) as Definition<Entry>).packing
}

/** By kind, the number that is an entry's key on its device; undefined where it has another key, or none. */
const keyOfKind = new Map(
  TABLE_KINDS.map((kind) => [kind as Kind, tableDefinition(kind).layout().key] as const),
)

/** The number that is the entry's key on its device; undefined where its key is a text, and for links and ports. */
export function numberKeyOf(entry: Entry): number | undefined {
  const key = keyOfKind.get(entry.kind)?.(entry as TableEntry)
  return typeof key === 'number' ? key : undefined
}

export function isLinkEntry(entry: Entry): entry is LinkEntry {
  return linkKinds.has(entry.kind)
}

export function isPortEntry(entry: Entry): entry is PortEntry {
  return portKinds.has(entry.kind)
}

export function isTableEntry(entry: Entry): entry is TableEntry {
  return tableKinds.has(entry.kind)
}

/** The subject of the entry, for people and as a key: two entries of one identity replace each other. */
export function identity(entry: Entry): string {
  return (definitionOf(entry.kind) as Definition<Entry>).identity(entry)
}

/** The type of VPN whose instances want the entry. */
export function vpnOf(entry: Entry): 'evpn' | 'ipvpn' {
  return definitionOf(entry.kind).vpn
}

/** The kernel's link kind. */
export function kernelKind(link: LinkEntry): string {
  return linkDefinition(link.kind).kernelKind(link)
}

/** The master of a port. */
export function masterOf(port: PortEntry): string {
  return portDefinition(port.kind).masterOf(port)
}

/** The entry that a port is in the kernel; null for none. */
export function observedPort(link: Link): PortEntry | null {
  const { master } = link
  if (master === null) return null
  for (const kind of PORT_KINDS) {
    const entry = portDefinition(kind).observed({ ...link, master })
    if (entry !== null) return entry
  }
  return null
}

/** The entry in JSON, field by field, as the API shows it and the state file keeps it. */
export function formatEntry(entry: Entry): ShownEntry {
  const { fields } = definitionOf(entry.kind) as Definition<Entry>
  return formatFields(fields, entry, { kind: entry.kind }) as ShownEntry
}

/** The reverse of `formatEntry`; of an entry that cannot be read, the field and what was expected there. */
export function parseEntry(raw: unknown): Parsed<Entry> {
  const kind = typeof raw === 'object' && raw !== null && 'kind' in raw ? raw.kind : undefined
  const definition = byKind.get(kind as Kind)
  if (definition === undefined) return { field: 'kind', expected: `one of ${KINDS.join(', ')}` }
  const read = parseFields(definition.fields, raw)
  return 'value' in read ? { value: { ...read.value, kind } as Entry } : read
}

/** Whether two entries are equal in every field. */
export function same(a: Entry, b: Entry): boolean {
  return equal(a, b)
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const other = new Map<string, unknown>(Object.entries(b))
  const fields = Object.entries(a)
  return fields.length === other.size && fields.every(([field, value]) => equal(value, other.get(field)))
}
