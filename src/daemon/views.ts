import { release } from 'node:os'
import type { Speaker } from '../bgp/speaker.ts'
import { formatTunnelType } from '../bgp/values/extended-community.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Logs } from '../log.ts'
import type { DriverView, ServiceViews, Views } from '../rest/looking-glass/index.ts'
import { formatIp } from '../values/address.ts'
import { VERSION } from '../version.ts'
import { tunnelTypeOf, type VpnConfig } from '../vpn/config.ts'

/** The daemon's start time. */
export interface StartTimes {
  readonly epochMs: number
  /** By the monotonic clock. */
  readonly monotonicMs: number
}

export interface ViewsDependencies {
  readonly config: () => Config
  readonly configProblems: Views['configProblems']
  readonly vpnConfig: VpnConfig
  readonly speaker: Speaker
  readonly services: Omit<ServiceViews, 'drivers'>
  readonly logs: Pick<Logs, 'recent' | 'output'>
  readonly clock: Clock
  readonly started: StartTimes
}

/** The sources of the API's answers. */
export function daemonViews(dependencies: ViewsDependencies): Views {
  const { config, configProblems, vpnConfig, speaker, services, logs, clock, started } = dependencies
  return {
    speaker,
    services: { ...services, drivers: driverViews(config(), vpnConfig) },
    get config() {
      return config().effective
    },
    version: VERSION,
    startTime: started.epochMs,
    now: () => clock.epoch(),
    uptimeMs: () => clock.now() - started.monotonicMs,
    recentLog: (about) => logs.recent.newestFirst(about),
    logHealth: () => logs.output.health(),
    configProblems,
  }
}

function driverViews({ evpn, ipvpn, effective }: Config, { lacks }: VpnConfig): ServiceViews['drivers'] {
  const common = { kernelRelease: release() }
  const evpnView: DriverView = {
    ...common,
    name: evpn.driver,
    config: effective['DATAPLANE_DRIVER_EVPN'],
    localAddress: formatIp(evpn.localAddress),
    encapsulations: ['encap:VXLAN'],
    lacks: () => lacks('evpn'),
  }
  const ipvpnView: DriverView = {
    ...common,
    name: ipvpn.driver,
    config: effective['DATAPLANE_DRIVER_IPVPN'],
    localAddress: formatIp(ipvpn.localAddress),
    encapsulations: [`encap:${formatTunnelType(tunnelTypeOf(ipvpn.transport))}`],
    lacks: () => lacks('ipvpn'),
  }
  return { evpn: evpnView, ipvpn: ipvpnView }
}
