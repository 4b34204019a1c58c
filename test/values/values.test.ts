import { describe, expect, test } from 'vitest'
import {
  formatIp,
  ipv4FromNumber,
  ipv4ToNumber,
  parseInterfaceAddress,
  parseIp,
  unmapped,
} from '../../src/values/address.ts'
import { hex, parseHex } from '../../src/values/bytes.ts'
import { formatMac, isGroupMac, parseMac } from '../../src/values/mac.ts'

describe('MAC addresses', () => {
  test.each(['02:00:00:00:0A:01', '02-00-00-00-0a-01', '0200.0000.0a01', '020000000a01'])(
    '%s is the same address',
    (text) => expect(formatMac(parseMac(text)!)).toBe('02:00:00:00:0a:01'),
  )

  test.each([
    '',
    '02:00:00:00:0a',
    '02:00:00:00:0a:1',
    '02:00:00-00:0a:01',
    '02:00:00:00:0a:0g',
    '02:00:00:00:0a:01:02',
  ])('%j is none', (text) => expect(parseMac(text)).toBeUndefined())

  test('all 48 bits survive', () =>
    expect(formatMac(parseMac('ff:ff:ff:ff:ff:fe')!)).toBe('ff:ff:ff:ff:ff:fe'))

  test('the group bit is in the first octet', () => {
    expect(isGroupMac(parseMac('01:00:5e:00:00:01')!)).toBe(true)
    expect(isGroupMac(parseMac('02:01:01:01:01:01')!)).toBe(false)
  })
})

describe('IP addresses', () => {
  test.each([
    ['10.77.0.1', '0a4d0001', '10.77.0.1'],
    ['2001:DB8::0:1', '20010db8000000000000000000000001', '2001:db8::1'],
    ['::', '00000000000000000000000000000000', '::'],
    ['fe80::ffff', 'fe80000000000000000000000000ffff', 'fe80::ffff'],
  ])('%s', (text, octets, shown) => {
    const ip = parseIp(text)!
    expect(hex(ip)).toBe(octets)
    expect(formatIp(ip)).toBe(shown)
  })

  test.each(['', '10.77.0', '10.77.0.256', '10.77.0.1/24', 'fe80::1%eth0', '::1::', 'host', '010.1.1.1 '])(
    '%j is none',
    (text) => expect(parseIp(text)).toBeUndefined(),
  )

  test('IPv4 as a number is unsigned', () => {
    expect(ipv4ToNumber(parseIp('255.0.0.1')!)).toBe(0xff000001)
    expect(ipv4FromNumber(0xff000001)).toBe(parseIp('255.0.0.1'))
  })

  test('an IPv4-mapped address is the IPv4 address', () => {
    expect(formatIp(unmapped(parseIp('::ffff:10.0.0.1')!))).toBe('10.0.0.1')
    expect(formatIp(unmapped(parseIp('2001:db8::1')!))).toBe('2001:db8::1')
  })

  test('an interface address without a length is a host', () => {
    expect(parseInterfaceAddress('10.0.0.1')).toEqual({ ip: parseIp('10.0.0.1'), prefixLength: 32 })
    expect(parseInterfaceAddress('10.0.0.1/24')).toEqual({ ip: parseIp('10.0.0.1'), prefixLength: 24 })
    expect(parseInterfaceAddress('fe80::1/64')?.prefixLength).toBe(64)
  })

  test.each(['10.0.0.1/', '10.0.0.1/33', '10.0.0.1/-1', '10.0.0.1/24/24', 'x/24'])(
    '%j is no interface address',
    (text) => expect(parseInterfaceAddress(text)).toBeUndefined(),
  )
})

test('hex reads what it writes', () => {
  expect(parseHex('00ff80')).toBe('\x00\xff\x80')
  expect(parseHex('0')).toBeUndefined()
  expect(hex('\x00\xff\x80')).toBe('00ff80')
})
