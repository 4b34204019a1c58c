import * as z from 'zod'
import type { Field, FieldSet } from '../dataplane/kinds/field.ts'
import { definitions, KINDS, type ShownEntry } from '../dataplane/kinds/index.ts'
import { list } from './shapes.ts'

/** The fields of an entry, by its kind. */
export type EntryFields = ShownEntry

const device = z.string().describe('the interface that it is or belongs to')

const kinds = definitions.map(({ kind, fields: { device: _, ...own } }) =>
  z.strictObject({ kind: z.literal(kind), device, ...schemasOf(own) }),
)

export const entryKind = z.enum(KINDS)
export const entryFields = union<EntryFields>(kinds)

/** The fields of an entry, and further ones that are the same for all kinds. */
export function entryWith<F extends z.ZodRawShape>(fields: F) {
  return union<EntryFields & z.infer<z.ZodObject<F>>>(kinds.map((one) => one.extend(fields)))
}

function union<T>([first, ...rest]: readonly z.ZodObject[]): z.ZodType<T> {
  return z.discriminatedUnion('kind', [first!, ...rest]) as z.ZodType as z.ZodType<T>
}

function schemasOf(fields: FieldSet): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)]))
}

function schemaOf(field: Field<unknown>): z.ZodType {
  const { isOptional, description } = field
  const present = presentSchemaOf(field)
  const schema = isOptional ? present.optional() : present
  return description === undefined ? schema : schema.describe(description)
}

function presentSchemaOf({ type, what }: Field<unknown>): z.ZodType {
  switch (type.is) {
    case 'name':
      return z.string()
    case 'natural':
      return z.int().min(0).max(type.most)
    case 'flag':
      return z.boolean()
    case 'ip':
    case 'mac':
      return z.string().describe(what)
    case 'one of':
      return z.enum(type.values)
    case 'nullable':
      return schemaOf(type.of).nullable()
    case 'list':
      return list(schemaOf(type.of))
    case 'record':
      return z.strictObject(schemasOf(type.fields))
  }
}
