import type { FastifyInstance } from 'fastify'
import type { ListedOption } from '../../src/api/config.ts'
import type { Reload } from '../../src/api/reload.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { type ApiAccess, LOCAL_ACCESS } from '../../src/rest/access.ts'
import { newPing } from '../../src/rest/ping.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { isOwnedName } from '../../src/vpn/linux/names.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from './events.ts'
import { RANGES } from './ranges.ts'
import { idleSpeaker, ip, peerConfig } from './speakers.ts'
import { dummyDrivers, testServer, testServices } from './test-server.ts'
import { vpnConfig } from './vpn-config.ts'

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

/** The options in effect. */
export const OPTIONS: readonly ListedOption[] = [
  { section: 'BGP', option: 'my_as', value: 64512, source: 'bgp.conf', line: 2, follows: null },
]

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
  const speaker = idleSpeaker(address, [peerConfig('10.77.0.1')])
  const vpns = new VpnService(
    vpnConfig(address, { drivers: { evpn: name, ipvpn: name } }),
    speaker,
    Dataplanes.shared(reconciler),
    noEvents,
  )
  reconciler.start()
  const { evpn, ipvpn } = dummyDrivers
  const drivers = { evpn: { ...evpn, name }, ipvpn: { ...ipvpn, name } }
  const app = testServer({
    speaker,
    clock: systemClock,
    vpns,
    reload,
    options: () => OPTIONS,
    ping: newPing(),
    access: () => access,
    views: {
      services: testServices(vpns, reconciler, { drivers }),
      config: { BGP: { my_as: 64512 } },
    },
  })
  return { app, speaker, vpns, reconciler, driver }
}
