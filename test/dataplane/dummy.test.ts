import { expect, test } from 'vitest'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { MOBILITY_DEFAULTS } from '../../src/evpn/mobility.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { isOwnedName } from '../../src/vpn/linux/names.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from '../support/events.ts'
import { RANGES } from '../support/ranges.ts'
import { ip, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

test('the dummy driver accepts a port that does not exist, and keeps the entries that it would program', async () => {
  const address = ip('10.77.0.13')
  const driver = new MemoryDriver(systemClock, { pretend: (name) => !isOwnedName(name, RANGES.vrfPrefix) })
  const reconciler = new Reconciler({ clock: systemClock, driver, events: noEvents })
  const { transport } = new VirtualNetwork(new VirtualClock())
  const speaker = new Speaker(
    { ...SPEAKER_DEFAULTS, as: 64512, identifier: address, localAddress: address, peers: [] },
    { clock: systemClock, random: Math.random, transport, events: noEvents },
    () => {},
  )
  const config = {
    bgpAddress: address,
    identifier: address,
    vtep: address,
    vxlanPort: 4789,
    mobility: MOBILITY_DEFAULTS,
    vtepNetworks: [],
    vxlanMtu: null,
    underlay: null,
    neighSuppress: true,
    ipvpn: { address, transport: { interface: 'lo' }, underlay: null, fromAnyone: false },
    ranges: RANGES,
    lacks: () => null,
    requireIsolation: false,
    drivers: { evpn: 'dummy', ipvpn: 'dummy' } as const,
  }
  const vpns = new VpnService(config, speaker, Dataplanes.shared(reconciler), noEvents)
  reconciler.start()
  await vpns.attach({
    instanceId: 'net1',
    type: 'evpn',
    importTargets: [rt('64512:10')],
    exportTargets: [rt('64512:10')],
    mac: 0x020000000001,
    ip: null,
    gatewayIp: null,
    port: 'tap1',
    isOvsPort: false,
    linuxBridge: null,
    vni: 100,
    localPref: null,
    direction: 'both',
    sticky: false,
    hashOrder: 0,
    advertiseSubnet: false,
    readvertise: null,
    fallback: null,
    description: undefined,
    instanceDescription: undefined,
  })
  expect(reconciler.statuses.counts()).toMatchObject({ failed: 0 })
  expect([...driver.kernel.links.keys()].sort()).toEqual(['evpn---net1', 'lo', 'tap1', 'vxlan--net1'])
  reconciler.stop()
})
