import { expect, test } from 'vitest'
import { parseIni, textOf } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { reloaded } from '../../src/config/reload.ts'
import { formatIp } from '../../src/values/address.ts'

const TEXT = `
[BGP]
local_address = eth0
my_as = 64512
peers = 192.0.2.1, 192.0.2.2
[BGP_PEER:192.0.2.2]
local_address = eth0
[DATAPLANE_DRIVER_EVPN]
dataplane_local_address = eth0
`
const at = (address: string) => ({ eth0: [{ address }] })

test('an interface that has another address since the start changes what a reload applies, and nothing else', () => {
  const start = interpret(parseIni(TEXT, 'bgp.conf'), at('192.0.2.11'))
  const read = interpret(parseIni(TEXT, 'bgp.conf'), at('192.0.2.99'))
  const { assignments, config, settings } = interpret(
    textOf(reloaded(start.assignments, read.assignments)),
    at('192.0.2.99'),
  )
  expect(formatIp(config.bgp.localAddress)).toBe('192.0.2.11')
  expect(formatIp(config.evpn.localAddress)).toBe('192.0.2.11')
  expect(config.bgp.peers.map(({ localAddress }) => localAddress && formatIp(localAddress))).toEqual([
    '192.0.2.11',
    '192.0.2.99',
  ])
  expect(settings).toContainEqual({
    section: 'BGP',
    option: 'local_address',
    value: '192.0.2.11',
    position: expect.objectContaining({ file: 'bgp.conf', line: 3 }),
    follows: null,
  })
  const again = interpret(textOf(reloaded(assignments, read.assignments)), {})
  expect(again.config).toEqual(config)
})
