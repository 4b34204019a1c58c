import { expect, test } from 'vitest'
import { suggest } from '../../src/config/suggest.ts'

test.each([
  ['my_az', 'my_as'],
  ['pears', 'peers'],
  ['peer', 'peers'],
  ['local_adress', 'local_address'],
  ['loacl_address', 'local_address'],
  ['MY_AS', 'my_as'],
  ['foo', undefined],
  ['', undefined],
])('%s means %s', (word, known) => {
  expect(suggest(word, ['local_address', 'my_as', 'peers'])).toBe(known)
})
