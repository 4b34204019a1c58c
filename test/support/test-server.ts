import type { FastifyInstance } from 'fastify'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { Clock } from '../../src/clock.ts'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { dataplaneView } from '../../src/dataplane/view.ts'
import type { DriverView, ServiceViews, Views } from '../../src/rest/looking-glass/index.ts'
import { EventCounters } from '../../src/rest/metrics/event-counters.ts'
import { type RestDependencies, restServer } from '../../src/rest/server.ts'
import type { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from './events.ts'
import { held } from './held.ts'
import { silent } from './speakers.ts'

interface Served extends Partial<Omit<RestDependencies, 'views'>> {
  readonly speaker: Speaker
  readonly clock: Pick<Clock, 'epoch'>
  readonly views?: Partial<Views>
}

/** The API of a speaker; it has no VPN services, no log and no problems but those that `views` has. */
export function testServer({ speaker, clock, views, ...dependencies }: Served): FastifyInstance {
  return held(
    restServer({
      vpns: null,
      reload: null,
      ping: '1',
      descriptors: 1024,
      log: silent,
      events: noEvents,
      counters: new EventCounters(),
      ...dependencies,
      views: { ...testViews(speaker, clock), ...views },
    }),
  )
}

/** What the API sees of a daemon without VPN services, log and problems. */
export function testViews(speaker: Speaker, clock: Pick<Clock, 'epoch'>): Views {
  return {
    speaker,
    services: null,
    config: {},
    version: '0.1.0',
    startTime: clock.epoch(),
    now: () => clock.epoch(),
    uptimeMs: () => 0,
    recentLog: () => [],
    logHealth: () => ({ path: null, dropped: 0, failure: null }),
    configProblems: () => [],
  }
}

/** What the API sees of VPN services and their forwarding loop. */
export function testServices(
  vpns: VpnService,
  reconciler: Reconciler,
  changes: Partial<ServiceViews> = {},
): ServiceViews {
  const dataplane = dataplaneView(reconciler, NO_FAULTS)
  return { vpns, dataplane, stateFile: null, drivers: dummyDrivers, ...changes }
}

/** A clock on which nothing goes wrong. */
export const NO_FAULTS = { faults: { count: 0, open: null } } as const

/** What the looking glass shows of dataplanes in memory. */
export const dummyDrivers = {
  evpn: dummyDriver('encap:VXLAN'),
  ipvpn: dummyDriver('encap:MPLS'),
} satisfies ServiceViews['drivers']

function dummyDriver(encapsulation: string): DriverView {
  return {
    name: 'dummy',
    config: {},
    localAddress: '10.77.0.13',
    kernelRelease: '6.18',
    encapsulations: [encapsulation],
    lacks: () => null,
  }
}
