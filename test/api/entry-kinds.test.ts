import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entryFields } from '../../src/api/entry-kinds.ts'
import { formatEntry, KINDS } from '../../src/dataplane/kinds/index.ts'
import { anyObserved, fieldsOf } from '../dataplane/any-entry.ts'

describe.each(KINDS)('%s', (kind) => {
  const anyShown = anyObserved(kind).map((entry) => JSON.parse(JSON.stringify(formatEntry(entry))))

  test('is documented field by field', () => {
    fc.assert(
      fc.property(anyShown, (shown) => {
        expect(entryFields.parse(shown)).toEqual(shown)
      }),
      { numRuns: 20 },
    )
  })

  test('is documented to have no other fields, and no other values of them', () => {
    fc.assert(
      fc.property(anyShown, (shown) => {
        expect(entryFields.safeParse({ ...shown, other: 1 }).success).toBe(false)
        for (const [field, { isOptional }] of Object.entries(fieldsOf(kind))) {
          expect(entryFields.safeParse({ ...shown, [field]: -1 }).success, field).toBe(false)
          const without = entryFields.safeParse({ ...shown, [field]: undefined })
          expect(without.success, field).toBe(isOptional === true)
        }
      }),
      { numRuns: 20 },
    )
  })
})
