import fc, { type Arbitrary } from 'fast-check'
import type { Field, FieldSet } from '../../src/dataplane/kinds/field.ts'
import { definitions } from '../../src/dataplane/kinds/index.ts'
import type { Entry, Kind } from '../../src/dataplane/model.ts'
import { type Ip, ipv4FromNumber } from '../../src/values/address.ts'

/** As many bits as a VNI has. */
const MOST = 2 ** 24 - 1
/** Few, so that entries have some in common. */
const name = fc.constantFrom('br0', 'vx0', 'tap1', 'bvrf-1', 'eth0.100')
const ipv4 = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(ipv4FromNumber)
const ipv6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((octets) => Buffer.from(octets).toString('latin1') as Ip)
const ip = fc.oneof(ipv4, ipv6)
const mac = fc.integer({ min: 0, max: 2 ** 48 - 1 })

/** Any entry of a kind as it is wanted: without the optional fields, which only observed ones have. */
export function anyEntry(kind: Kind): Arbitrary<Entry> {
  return entryOf(
    kind,
    Object.entries(fieldsOf(kind)).filter(([, { isOptional }]) => !isOptional),
  )
}

/** Any entry of a kind as it is wanted or observed. */
export function anyObserved(kind: Kind): Arbitrary<Entry> {
  return entryOf(kind, Object.entries(fieldsOf(kind)))
}

export function fieldsOf(kind: Kind): FieldSet {
  return definitions.find((definition) => definition.kind === kind)!.fields
}

function entryOf(kind: Kind, fields: readonly [string, Field<unknown>][]): Arbitrary<Entry> {
  return recordOf(fields).map((values) => ({ kind, ...values }) as Entry)
}

function recordOf(fields: readonly [string, Field<unknown>][]): Arbitrary<object> {
  return fc.record(Object.fromEntries(fields.map(([field, one]) => [field, valuesOf(one)])), {
    requiredKeys: fields.flatMap(([field, { isOptional }]) => (isOptional ? [] : field)),
  })
}

/** Any value of a field, as a table keeps it. */
function valuesOf(field: Field<unknown>): Arbitrary<unknown> {
  const values = anyOf(field)
  return field.normal === undefined ? values : values.map(field.normal)
}

function anyOf({ type }: Field<unknown>): Arbitrary<unknown> {
  switch (type.is) {
    case 'name':
      return name
    case 'natural':
      return fc.integer({ min: 0, max: Math.min(type.most, MOST) })
    case 'flag':
      return fc.boolean()
    case 'ip':
      return ip
    case 'mac':
      return mac
    case 'one of':
      return fc.constantFrom(...type.values)
    case 'nullable':
      return fc.option(valuesOf(type.of))
    case 'list':
      return fc.array(valuesOf(type.of), { maxLength: 3 })
    case 'record':
      return recordOf(Object.entries(type.fields))
  }
}
