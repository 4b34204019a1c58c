import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { keepState, openState } from '../../src/daemon/saved-state.ts'
import { noEvents } from '../support/events.ts'
import { TestNode } from '../support/node.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

test.each([
  ['a state file', 'linux', 'state_file ='],
  ['a kernel', 'dummy', ''],
])('a daemon without %s does not remember what has changed', async (_what, driver, option) => {
  const text = `[DEFAULT]\n${option}\n[BGP]\nlocal_address = 127.0.0.1\nmy_as = 64512\n[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = ${driver}\n`
  const kept = await openState(interpret(parseIni(text, 'bgp.conf')).config, noEvents, false)
  expect(kept.health).toBeNull()
  const clock = new VirtualClock()
  const keep = keepState(
    kept,
    () => [],
    () => node.vpns.changes(),
  )
  const node = new TestNode('10.77.0.11', [], clock, new VirtualNetwork(clock), {}, {}, noEvents, () =>
    keep('written'),
  ).withPorts('tap1')

  for (let i = 0; i < 3; i++) {
    await node.attach()
    await node.detach()
  }
  await clock.run(1000)
  expect(node.vpns.changes()).toEqual([])
})
