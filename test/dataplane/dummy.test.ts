import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { isOwnedName } from '../../src/vpn/linux/names.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from '../support/events.ts'
import { attachRequest } from '../support/node.ts'
import { RANGES } from '../support/ranges.ts'
import { idleSpeaker, ip } from '../support/speakers.ts'
import { vpnConfig } from '../support/vpn-config.ts'

test('the dummy driver accepts a port that does not exist, and keeps the entries that it would program', async () => {
  const address = ip('10.77.0.13')
  const driver = new MemoryDriver(systemClock, { pretend: (name) => !isOwnedName(name, RANGES.vrfPrefix) })
  const reconciler = new Reconciler({ clock: systemClock, driver, events: noEvents })
  const speaker = idleSpeaker(address)
  const config = vpnConfig(address, { drivers: { evpn: 'dummy', ipvpn: 'dummy' } })
  const vpns = new VpnService(config, speaker, Dataplanes.shared(reconciler), noEvents)
  reconciler.start()
  await vpns.attach(attachRequest({ ip: null, gatewayIp: null }))
  expect(reconciler.statuses.counts()).toMatchObject({ failed: 0 })
  expect([...driver.kernel.links.keys()].sort()).toEqual(['evpn---net1', 'lo', 'tap1', 'vxlan--net1'])
  reconciler.stop()
})
