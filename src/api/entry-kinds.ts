import * as z from 'zod'
import { list } from './shapes.ts'

const device = z.string().describe('the interface that it is or belongs to')
const address = z.string().describe('an IP address')
const alias = z.string()
const mac = z.string().describe('a MAC address')
const number = z.int().min(0)
const mtu = number.nullable().describe('null: as the underlay has room for')
const underlay = z.string().nullable().describe('the underlay interface; null where it is unknown')
const prefix = { prefix: address, prefixLength: number }
const hops = list(
  z.strictObject({
    device: z.string(),
    via: address.nullable().describe('the neighbour on the interface; null where none is needed'),
    labels: list(number).describe('pushed labels, the outermost first'),
    weight: number,
  }),
)
const drift = z
  .strictObject({
    port: number.optional(),
    via: number.optional(),
    nhid: number.optional(),
    srcVni: number.optional(),
    state: number.optional(),
    flags: number.optional(),
  })
  .optional()
  .describe('of an observed entry: what another program changed, in numbers of the kernel')

const hasRoute = z
  .boolean()
  .optional()
  .describe('of an observed entry: whether the kernel made a route to its subnet, which it should not have')

function kind<K extends string, F extends z.ZodRawShape>(name: K, fields: F) {
  return z.strictObject({ kind: z.literal(name), device, ...fields })
}

/** The fields of the entries of each kind. */
const kinds = [
  kind('bridge', {
    alias,
    external: z.boolean().describe('whether it may be external: made by another program'),
  }),
  kind('vrf', { alias, table: number }),
  kind('vxlan', { alias, vni: number, local: address, port: number, mtu, underlay }),
  kind('tunnel', {
    alias,
    encapsulation: z.enum(['gre', 'udp']),
    local: address,
    remote: address.nullable(),
    mtu,
    underlay,
  }),
  kind('veth', { alias, peer: z.string(), mac, mtu, local: address, underlay }),
  kind('port', {
    bridge: z.string(),
    external: z
      .boolean()
      .describe('whether it may be in an external bridge: another program may have enslaved it'),
    learning: z.boolean(),
    neighSuppress: z.boolean(),
  }),
  kind('vrf-port', { vrf: z.string() }),
  kind('local-mac', { mac }),
  kind('flood', { dst: address, vni: number, drift }),
  kind('remote-mac', { mac, dst: address, vni: number, drift }),
  kind('neighbour', { ip: address, mac, router: z.boolean() }),
  kind('unreachable', { table: number, ...prefix }),
  kind('mpls-interface', {}),
  kind('udp-port', { ip: address }),
  kind('address', { ip: address, prefixLength: number, hasRoute }),
  kind('fixed-neighbour', { ip: address, mac }),
  kind('route', { table: number, ...prefix, hops }),
  kind('mpls', { label: number, hops }),
  kind('proxy-neighbour', { ip: address }),
] as const

/** The fields of an entry, by its kind. */
export const entryFields = z.discriminatedUnion('kind', kinds)
export type EntryFields = z.infer<typeof entryFields>

export const ENTRY_KINDS = kinds.map(({ shape }) => shape.kind.value)
export const entryKind = z.enum(ENTRY_KINDS)

/** The fields of an entry, and further ones that are the same for all kinds. */
export function entryWith<F extends z.ZodRawShape>(fields: F) {
  const [first, ...rest] = kinds.map((one) => one.extend(fields) as z.ZodObject)
  return z.discriminatedUnion('kind', [first!, ...rest]) as unknown as z.ZodType<
    EntryFields & z.infer<z.ZodObject<F>>
  >
}
