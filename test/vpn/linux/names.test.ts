import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bridgeName, isInterfaceName, nameSuffix, vxlanName } from '../../../src/vpn/linux/names.ts'

const free = () => false

test.each(['net1', 'a', 'net-1.2_', 'x'.repeat(8)])('%s is short and plain: it is the name', (id) => {
  expect(nameSuffix(id, free)).toBe(id)
})

test.each(['', 'x'.repeat(9), '日本語', 'à', 'a b', 'a%d', 'a/b', 'a:b', '\u00a0'])(
  '%j is made a name by a hash',
  (id) => {
    expect(nameSuffix(id, free)).toMatch(/^[0-9a-z]{8}$/)
    expect(nameSuffix(id, free)).toBe(nameSuffix(id, free))
  },
)

test('ids that hash alike, or look like the hash of another, have names of their own', () => {
  const first = nameSuffix('network-of-tenant-1', free)
  const taken = new Set([first])
  for (const id of ['network-of-tenant-1', first]) {
    const suffix = nameSuffix(id, (candidate) => taken.has(candidate))
    expect(taken).not.toContain(suffix)
    taken.add(suffix)
  }
})

test('whatever the ids, all names are different and the kernel takes them', () => {
  const ids = fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 247 }), { maxLength: 50 })
  fc.assert(
    fc.property(ids, (given) => {
      const taken = new Set<string>()
      for (const id of given) taken.add(nameSuffix(id, (suffix) => taken.has(suffix)))
      expect(taken.size).toBe(given.length)
      for (const suffix of taken) {
        expect([bridgeName(suffix), vxlanName(suffix)].every(isInterfaceName)).toBe(true)
        expect(suffix).toMatch(/^[\w.-]+$/)
      }
    }),
    { seed: 1 },
  )
})

test.each([
  '',
  '.',
  '..',
  'x'.repeat(16),
  'a b',
  'a/b',
  'a:b',
  'br%d',
  'éééééééé',
  'brà',
  'a\u00a0',
  'all',
  'default',
  'tap\ud800',
])('%j is no interface', (name) => {
  expect(isInterfaceName(name)).toBe(false)
})

test.each(['tap1', 'brá', 'a\u3000b', 'all1', 'x'.repeat(15)])('%j is the name of one', (name) => {
  expect(isInterfaceName(name)).toBe(true)
})
