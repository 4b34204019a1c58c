import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable, printableValue, safeJson } from '../../src/values/controls.ts'

const hostile = fc.string({
  unit: fc.constantFrom(
    '\x1b',
    '[',
    '\n',
    '\r',
    '\x07',
    '\x7f',
    '\x9b',
    '\u202e',
    '\u2028',
    '\\',
    '"',
    'é',
    '😀',
  ),
})
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ACTS = /[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/

test('the safe text of JSON is of the same value, and acts on no terminal', () => {
  fc.assert(
    fc.property(fc.dictionary(hostile, hostile), (value) => {
      const json = safeJson(JSON.stringify(value))
      expect(json).not.toMatch(ACTS)
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('a printable text acts on no terminal, and shows what it held', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(printable(text)).not.toMatch(ACTS)
    }),
  )
  expect(printable('a\x1b[31m\x9b\u202e\n\tb', '\n\t')).toBe('a\\x1b[31m\\x9b\\u202e\n\tb')
})

test('no text of a printable value begins a line; the rest stays', () => {
  expect(printableValue({ problems: ['x\n! all well'], count: 1, none: null })).toEqual({
    problems: ['x\\x0a! all well'],
    count: 1,
    none: null,
  })
})
