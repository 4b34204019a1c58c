import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ENTRY_KINDS, entryFields } from '../../src/api/entry-kinds.ts'
import { formatEntry, KINDS } from '../../src/dataplane/kinds/index.ts'
import { anyEntry } from '../dataplane/any-entry.ts'

test('the API documents every kind of entry', () => {
  expect([...ENTRY_KINDS].sort()).toEqual([...KINDS].sort())
})

test.each(KINDS)('it documents every field of %s', (kind) => {
  fc.assert(
    fc.property(anyEntry(kind), (entry) => {
      const shown = JSON.parse(JSON.stringify(formatEntry(entry)))
      expect(entryFields.parse(shown)).toEqual(shown)
    }),
    { numRuns: 20 },
  )
})
