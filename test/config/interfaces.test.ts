import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { withPassingLast } from '../../src/config/interfaces.ts'
import { interpret } from '../../src/config/load.ts'
import { formatIp } from '../../src/values/address.ts'

const STABLE = '2001:db8:77:0:fcf4:66ff:fe8d:e3fa'
const TEMPORARY = '2001:db8:77:0:e600:f3cb:e665:5cd'
const LINK_LOCAL = 'fe80::fcf4:66ff:fe8d:e3fa'

/** As the kernel lists them: address, index, prefix length, scope, flags, name. */
const IF_INET6 = `
20010db800770000fcf466fffe8de3fa 06 40 00 FLAGS     eth1
20010db800770000e600f3cbe66505cd 06 40 00 01     eth1
fe80000000000000fcf466fffe8de3fa 06 40 20 80     eth1
`

/** The local address by the name of an interface, on which the kernel names the newest address first. */
function localAddress(flags: string, ...addresses: readonly string[]): string {
  const interfaces = { eth1: addresses.map((address) => ({ address })) }
  const text = '[BGP]\nlocal_address = eth1\nrouter_id = 10.77.0.11\nmy_as = 64512\n'
  const ordered = withPassingLast(interfaces, IF_INET6.replace('FLAGS', flags))
  return formatIp(interpret(parseIni(text, 'bgp.conf'), ordered).config.bgp.localAddress)
}

test('an interface stands for its lasting address, not for the privacy address that is newer', () => {
  expect(localAddress('00', TEMPORARY, STABLE, LINK_LOCAL)).toBe(STABLE)
})

test.each([
  ['deprecated', '20'],
  ['that another node has too', '08'],
])('an address %s is taken last', (_, flags) => {
  expect(localAddress(flags, STABLE, '2001:db8:78::1', LINK_LOCAL)).toBe('2001:db8:78::1')
})

test('a privacy address is taken where there is no other', () => {
  expect(localAddress('00', TEMPORARY, LINK_LOCAL)).toBe(TEMPORARY)
})

test('where IPv6 is missing, or its list cannot be read, the first address counts', () => {
  const interfaces = { eth1: [{ address: STABLE }, { address: TEMPORARY }], eth2: undefined }
  expect(withPassingLast(interfaces, '')).toEqual({ ...interfaces, eth2: [] })
})
