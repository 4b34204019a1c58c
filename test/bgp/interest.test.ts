import { beforeEach, describe, expect, test } from 'vitest'
import { REACHABLE } from '../../src/bgp/nlri/codec.ts'
import { membership, routeTargetMembership, WILDCARD } from '../../src/bgp/nlri/route-target.ts'
import { Interest } from '../../src/bgp/rib/interest.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { pack32 } from '../../src/values/bytes.ts'
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

describe('a membership covers', () => {
  const covers = (octets: string, target: string): boolean => {
    interest.add(routeTargetMembership.decode(new Reader(Buffer.from(octets, 'hex')), REACHABLE))
    return interest.covers([rt(target)])
  }

  test.each([
    ['everything when it is the wildcard', '00', '1.2.3.4:5', true],
    ['everything of any origin AS alone', '200000fc00', '65000:1', true],
    ['its own target', '600000fc000002fc000000004d', '64512:77', true],
    ['no other', '600000fc000002fc000000004d', '64512:78', false],
    ['the targets that begin alike', '500000fc000002fc000000', '64512:77', true],
    ['those that differ within its length', '500000fc000002fc010000', '64512:77', false],
    ['targets up to an odd bit', '5f0000fc000002fc000000004c', '64512:77', true],
  ])('%s', (_, octets, target, expected) => expect(covers(octets, target)).toBe(expected))
})

test('what a look-up costs does not depend on how many memberships a peer has', () => {
  const work = (memberships: number): number => {
    interest.clear()
    for (let i = 0; i < memberships; i++)
      interest.add({ length: 64, octets: `${pack32(64512)}${pack32(i)}\0\0\0\0` })
    const before = process.cpuUsage()
    for (let i = 0; i < 200; i++) interest.covers([target])
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  work(1)
  expect(work(50_000)).toBeLessThan(100_000 + 20 * work(1))
})
