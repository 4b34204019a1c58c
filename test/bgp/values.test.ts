import { describe, expect, test } from 'vitest'
import { TunnelType } from '../../src/bgp/constants.ts'
import {
  type ExtendedCommunity,
  encapsulation,
  formatExtendedCommunity,
  formatRouteTarget,
  macMobility,
  macMobilityOf,
  parseRouteTarget,
} from '../../src/bgp/values/extended-community.ts'
import { formatRd, ipv4Rd, parseRd } from '../../src/bgp/values/rd.ts'
import { hex, parseHex } from '../../src/values/bytes.ts'
import { ip } from '../support/speakers.ts'

describe('route targets', () => {
  test.each([
    ['64512:77', '0002fc000000004d'],
    ['1.2.3.4:5', '0102010203040005'],
    ['65536:9', '0202000100000009'],
    ['0:0', '0002000000000000'],
    ['65535:4294967295', '0002ffffffffffff'],
    ['4294967295:65535', '0202ffffffffffff'],
  ])('%s is %s', (text, octets) => {
    const target = parseRouteTarget(text)!
    expect(hex(target)).toBe(octets)
    expect(formatRouteTarget(target)).toBe(text)
  })

  test.each([
    '',
    '64512',
    '64512:',
    ':1',
    '65536:65536',
    '4294967296:1',
    '1.2.3.4:65536',
    '1.2.3:1',
    '-1:1',
    '1:1:1',
    'x:1',
    '64512:4294967296',
  ])('%j is none', (text) => expect(parseRouteTarget(text)).toBeUndefined())
})

describe('route distinguishers', () => {
  test.each([
    ['10.0.0.1:7', '00010a0000010007'],
    ['64512:7', '0000fc0000000007'],
    ['65536:7', '0002000100000007'],
  ])('%s is %s', (text, octets) => {
    const rd = parseRd(text)!
    expect(hex(rd)).toBe(octets)
    expect(formatRd(rd)).toBe(text)
  })

  test('an unknown type is shown by its octets', () => {
    expect(formatRd(parseHex('0007010203040506') as ReturnType<typeof ipv4Rd>)).toBe('7:010203040506')
  })

  test.each(['', '7', '10.0.0.1:65536', '64512:4294967296', '65536:65536', 'a:b'])('%j is none', (text) =>
    expect(parseRd(text)).toBeUndefined(),
  )

  test('ours are of type 1', () => expect(ipv4Rd(ip('10.0.0.1'), 7)).toBe(parseRd('10.0.0.1:7')))
})

describe('extended communities', () => {
  test('encapsulation', () => expect(hex(encapsulation(TunnelType.Vxlan))).toBe('030c000000000008'))

  test('MAC mobility', () => {
    const community = macMobility({ sticky: true, sequence: 2 })
    expect(hex(community)).toBe('0600010000000002')
    expect(macMobilityOf(community)).toEqual({ sticky: true, sequence: 2 })
  })

  test.each([
    ['0002fc000000004d', 'target:64512:77'],
    ['0013fc000000004d', 'rtrecord:64512:77'],
    ['0314000000030000', 'consistentHashSortOrder:3'],
    ['030c000000000008', 'encap:VXLAN'],
    ['030c000000000000', 'encap:Default'],
    ['030c0000000000ff', 'encap:255'],
    ['030d000000000000', 'default-gateway'],
    ['0600010000000002', 'mobility:2:sticky'],
    ['0603020000000001', 'router-mac:02:00:00:00:00:01'],
    ['8008fc000000004d', 'redirect:64512:77'],
    ['4300ffffffffffff', '0x4300ffffffffffff'],
  ])('%s is %s', (octets, text) => {
    expect(formatExtendedCommunity(parseHex(octets) as ExtendedCommunity)).toBe(text)
  })
})
