import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { emitLacks, lacksOf } from '../../src/daemon/privileges.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import { bpfRefusal, hasCapability } from '../../src/linux/privileges.ts'

const configOf = (text: string) =>
  interpret(parseIni(`[BGP]\nlocal_address = lo\nmy_as = 64512\n${text}`, 'bgp.conf'), {
    lo: [{ address: '127.0.0.1' }],
  }).config
const EVPN = '[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = linux\n'
const IPVPN = '[DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = linux\nmpls_interface = lo\n'

const missing = (text: string, ...has: readonly string[]) =>
  lacksOf(configOf(text), (capability) => has.includes(capability), 1024).map(({ capability }) => capability)

test.each([
  [EVPN, [], ['CAP_NET_ADMIN', 'CAP_BPF', 'CAP_NET_BIND_SERVICE']],
  [EVPN, ['CAP_NET_ADMIN', 'CAP_BPF', 'CAP_NET_BIND_SERVICE'], []],
  [EVPN, ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_NET_BIND_SERVICE'], []],
  [IPVPN, ['CAP_NET_BIND_SERVICE'], ['CAP_NET_ADMIN']],
  ['', [], ['CAP_NET_BIND_SERVICE']],
  ['listen_port = 1790\n', [], []],
  ['listen = false\n', [], []],
])('%j with %j lacks %j', (text, has, lacks) => expect(missing(text, ...has)).toEqual(lacks))

test('what is lacking is one event, with the effects and the remedy', () => {
  const events: DaemonEvent[] = []
  const sink = { emit: (event: DaemonEvent) => void events.push(event) }
  emitLacks([], sink)
  expect(events).toEqual([])
  emitLacks(
    lacksOf(configOf(EVPN), () => false, 1024),
    sink,
  )
  const missing = ['CAP_NET_ADMIN', 'CAP_BPF', 'CAP_NET_BIND_SERVICE']
  expect(events).toEqual([{ type: 'capabilities-missing', missing, reason: expect.any(String) }])
  const [{ reason } = { reason: '' }] = events as { reason: string }[]
  expect(reason).toContain(
    'without CAP_NET_ADMIN nothing is programmed, attaches are refused; without CAP_BPF',
  )
  expect(reason).toContain(`AmbientCapabilities=${missing.join(' ')}`)
})

test('capabilities are read from the status of the process', () => {
  const status = 'CapInh:\t0000000000000000\nCapEff:\t0000008000001000\n'
  expect(hasCapability('CAP_BPF', status)).toBe(true)
  expect(hasCapability('CAP_NET_ADMIN', status)).toBe(true)
  expect(hasCapability('CAP_NET_BIND_SERVICE', status)).toBe(false)
})

test('a capability that is there is not reported as missing where something else forbids bpf(2)', () => {
  expect(bpfRefusal('CapEff:\t0000000000001400\n')).toBe('CAP_BPF is missing')
  const elsewhere = /^a seccomp profile, .* or a user namespace /
  expect(bpfRefusal('CapEff:\t0000008000001400\n')).toMatch(elsewhere)
  expect(bpfRefusal('CapEff:\t0000000000201000\n')).toMatch(elsewhere)
})
