import { describe, expect, test } from 'vitest'
import { type Ip, parseInterfaceAddress } from '../../src/values/address.ts'
import { TunnelEnds } from '../../src/values/tunnel-ends.ts'
import { ip } from '../support/speakers.ts'

const addresses = (...texts: readonly string[]) => texts.map((text) => parseInterfaceAddress(text)!)
const US = 'an address of this node'

describe('no tunnel ends at', () => {
  const ends = new TunnelEnds([ip('10.88.0.11')], [])
  ends.setNodeAddresses(
    addresses(
      '10.88.0.11/24',
      '10.88.0.111/24',
      '172.16.0.0/31',
      '192.0.2.7/32',
      '10.9.255.255/8',
      'fd88::11/64',
    ),
  )

  test.each([
    ['0.0.0.0', 'the unspecified address'],
    ['0.1.2.3', 'an address of 0.0.0.0/8'],
    ['127.0.0.1', 'a loopback address'],
    ['224.0.0.1', 'a multicast address'],
    ['239.255.255.255', 'a multicast address'],
    ['240.0.0.1', 'a reserved address of 240.0.0.0/4'],
    ['255.255.255.255', 'the limited broadcast address'],
    ['::', 'the unspecified address'],
    ['::1', 'a loopback address'],
    ['ff02::1', 'a multicast address'],
    ['::ffff:10.88.0.12', 'an IPv4-mapped address'],
    ['fe80::12', 'a link-local address, without an interface'],
    ['febf::12', 'a link-local address, without an interface'],
    ['10.88.0.11', US],
    ['10.88.0.111', US],
    ['192.0.2.7', US],
    ['172.16.0.0', US],
    ['fd88::11', US],
    ['10.9.255.255', US],
    ['10.88.0.0', 'the network address of 10.88.0.0/24'],
    ['10.88.0.255', 'the broadcast address of 10.88.0.0/24'],
    ['10.255.255.255', 'the broadcast address of 10.0.0.0/8'],
    ['fd88::', 'the anycast address of the routers of fd88::/64'],
  ])('%s: it is %s', (address, reason) => expect(ends.whyNot(ip(address))).toBe(reason))

  test.each([
    '10.88.0.12',
    '172.16.0.1',
    '192.0.2.6',
    '1.0.0.0',
    '223.255.255.255',
    'fd88::ff',
    'fec0::1',
    '2001:db8::1',
  ])('but at %s one may', (address) => expect(ends.whyNot(ip(address))).toBeNull())
})

test('where the interface is known that packets leave by, as for labels without a tunnel, a link-local address is one', () => {
  const ends = new TunnelEnds([ip('10.88.0.11')], [])
  expect(ends.whyNot(ip('fe80::12'), true)).toBeNull()
  expect(ends.whyNot(ip('::1'), true)).toBe('a loopback address')
})

describe('with vtep_networks', () => {
  const ends = new TunnelEnds([ip('10.88.0.11')], addresses('10.99.1.2/16', 'fd99::/32'))

  test.each([
    ['10.99.0.1', null],
    ['fd99::1', null],
    ['10.88.0.12', 'outside of vtep_networks'],
    ['fd98::1', 'outside of vtep_networks'],
    ['10.88.0.11', US],
  ])('whether one ends at %s: %s', (address, reason) => expect(ends.whyNot(ip(address))).toBe(reason))
})

test('listeners are notified of addresses that become tunnel ends, or are no more', () => {
  const ends = new TunnelEnds([ip('10.88.0.11')], [])
  const received: Ip[][] = []
  const unlisten = ends.listen((changed) => received.push([...changed].sort()))
  const all = (...texts: string[]) => texts.map(ip).sort()
  ends.setNodeAddresses(addresses('10.88.0.11/24'))
  expect(received.splice(0)).toEqual([all('10.88.0.0', '10.88.0.255')])
  ends.setNodeAddresses(addresses('10.88.0.11/24'))
  expect(received).toEqual([])
  ends.setNodeAddresses(addresses('10.88.0.11/24', '10.88.0.255/32', '10.88.0.12/32'))
  expect(received.splice(0)).toEqual([all('10.88.0.12')])
  ends.setNodeAddresses(addresses('10.88.0.11/25'))
  expect(received.splice(0)).toEqual([all('10.88.0.12', '10.88.0.127', '10.88.0.255')])
  unlisten()
  ends.setNodeAddresses([])
  expect(received).toEqual([])
})
