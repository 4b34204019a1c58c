import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { vpnConfigOf } from '../../src/daemon/vpn-config.ts'
import type { DaemonEvent } from '../../src/events/event.ts'

/** The events of a configuration with this driver and VTEP address. */
function eventsOf(driver: string, address: string): DaemonEvent[] {
  const text = `[BGP]\nlocal_address = 127.0.0.1\nmy_as = 64512\n[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = ${driver}\ndataplane_local_address = ${address}\n`
  const events: DaemonEvent[] = []
  vpnConfigOf(interpret(parseIni(text, 'bgp.conf')).config, { emit: (event) => void events.push(event) })
  return events
}

test.each([
  [
    'an address of no interface is reported',
    'linux',
    '192.0.2.77',
    [{ type: 'vtep-unassigned', address: '192.0.2.77' }],
  ],
  ['one of an interface is not', 'linux', '127.0.0.1', []],
  ['nor one that no VXLAN device has', 'dummy', '192.0.2.77', []],
] as const)('VTEP: %s', (_, driver, address, expected) => expect(eventsOf(driver, address)).toEqual(expected))
