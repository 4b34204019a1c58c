import { beforeEach, expect, test } from 'vitest'
import { membership, WILDCARD } from '../../src/bgp/nlri/route-target.ts'
import { Interest } from '../../src/bgp/rib/interest.ts'
import { rt } from '../support/speakers.ts'

const target = rt('64512:10')

let interest: Interest

beforeEach(() => {
  interest = new Interest()
})

test('a target of several origins is covered until the last of them is withdrawn (RFC 4684 §5)', () => {
  for (const as of [64512, 64513, 64514]) expect(interest.add(membership(as, target))).toBe(true)
  for (const as of [64513, 64512]) {
    expect(interest.remove(membership(as, target))).toBe(true)
    expect(interest.covers([target])).toBe(true)
  }
  expect(interest.remove(membership(64514, target))).toBe(true)
  expect(interest.covers([target])).toBe(false)
})

test('a membership that is received twice counts once, and a missing one is not withdrawn', () => {
  expect(interest.add(membership(64512, target))).toBe(true)
  expect(interest.add(membership(64512, target))).toBe(false)
  expect(interest.remove(membership(64513, target))).toBe(false)
  expect(interest.covers([target])).toBe(true)
  expect(interest.remove(membership(64512, target))).toBe(true)
  expect(interest.covers([target])).toBe(false)
})

test('a prefix of targets and an exact one are withdrawn each for itself', () => {
  const half = { length: 64, octets: `${membership(64512, target).octets.slice(0, 8)}\0\0\0\0` }
  for (const one of [WILDCARD, half, membership(64512, target)]) interest.add(one)
  expect(interest.covers([rt('7:7')])).toBe(true)
  interest.remove(WILDCARD)
  expect([target, rt('64512:11'), rt('7:7')].map((one) => interest.covers([one]))).toEqual([
    true,
    true,
    false,
  ])
  interest.remove(half)
  expect([target, rt('64512:11')].map((one) => interest.covers([one]))).toEqual([true, false])
  expect(interest.covers([rt('64512:11'), target])).toBe(true)
  for (const one of [WILDCARD, half]) interest.add(one)
  interest.clear()
  expect(interest.covers([target])).toBe(false)
  for (const one of [half, membership(64512, target)]) expect(interest.add(one)).toBe(true)
})
