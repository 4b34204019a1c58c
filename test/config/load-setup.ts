import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'

const INTERFACES = {
  lo: [{ address: '127.0.0.1' }, { address: '::1' }],
  eth0: [{ address: 'fe80::1' }, { address: '2001:db8::7' }, { address: '192.0.2.7' }],
  eth1: [{ address: 'fe80::2' }, { address: '2001:db8::8' }],
  eth2: [{ address: 'fe80::3' }],
}

export const BASE = '[BGP]\nlocal_address = 192.0.2.1\nmy_as = 64512\n'

export function load(text: string) {
  return interpret(parseIni(text, 'bgp.conf'), INTERFACES)
}
