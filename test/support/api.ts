import type { FastifyInstance } from 'fastify'
import type { Reload } from '../../src/api/reload.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { dataplaneView } from '../../src/dataplane/view.ts'
import { MOBILITY_DEFAULTS } from '../../src/evpn/mobility.ts'
import { type ApiAccess, LOCAL_ACCESS } from '../../src/rest/access.ts'
import { EventCounters } from '../../src/rest/metrics/event-counters.ts'
import { newPing } from '../../src/rest/ping.ts'
import { restServer } from '../../src/rest/server.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { isOwnedName } from '../../src/vpn/linux/names.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from './events.ts'
import { held } from './held.ts'
import { dummyDrivers, NO_FAULTS } from './node.ts'
import { RANGES } from './ranges.ts'
import { ip, peerConfig, silent } from './speakers.ts'
import { VirtualClock } from './virtual-clock.ts'
import { VirtualNetwork } from './virtual-network.ts'

export interface TestApi {
  readonly app: FastifyInstance
  readonly speaker: Speaker
  readonly vpns: VpnService
  readonly reconciler: Reconciler
  readonly driver: MemoryDriver
}

/** Finds no difference. */
export const noReload: Reload = async ({ dryRun }) => ({
  report: { dry_run: dryRun, peers: [], options: [], warnings: [] },
})

/** The API of a node `node1` without network, with interfaces gp0 to gp59: as with the Linux drivers, whose kernel is in memory, or with dummies. */
export function testApi(
  name: 'linux' | 'dummy' = 'linux',
  reload: Reload | null = noReload,
  access: ApiAccess = { ...LOCAL_ACCESS, hosts: ['node1'] },
): TestApi {
  const pretend = (link: string) => !isOwnedName(link, RANGES.vrfPrefix)
  const driver = new MemoryDriver(systemClock, name === 'linux' ? {} : { pretend })
  for (let i = 0; i < 60; i++) driver.kernel.addLink(`gp${i}`)
  const reconciler = new Reconciler({ clock: systemClock, driver, events: noEvents })
  const address = ip('10.77.0.13')
  const network = new VirtualNetwork(new VirtualClock())
  const speaker = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: 64512,
      identifier: address,
      localAddress: address,
      listenPort: null,
      peers: [peerConfig('10.77.0.1')],
    },
    { clock: systemClock, random: Math.random, transport: network.transport, events: noEvents },
    () => {},
  )
  const vpns = new VpnService(
    {
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
      drivers: { evpn: name, ipvpn: name },
    },
    speaker,
    Dataplanes.shared(reconciler),
    noEvents,
  )
  reconciler.start()
  const app = held(
    restServer({
      vpns,
      reload,
      ping: newPing(),
      log: silent,
      events: noEvents,
      counters: new EventCounters(),
      access: () => access,
      views: {
        speaker,
        services: {
          vpns,
          dataplane: dataplaneView(reconciler, NO_FAULTS),
          stateFile: null,
          drivers: { evpn: { ...dummyDrivers.evpn, name }, ipvpn: { ...dummyDrivers.ipvpn, name } },
        },
        config: { BGP: { my_as: 64512 } },
        version: '0.1.0',
        startTime: Date.now(),
        now: Date.now,
        recentLog: () => [],
        uptimeMs: () => 0,
        logHealth: () => ({ path: null, dropped: 0, failure: null }),
        configProblems: () => [],
      },
    }),
  )
  return { app, speaker, vpns, reconciler, driver }
}
