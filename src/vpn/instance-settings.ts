import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { ReadvertiseTargets } from '../ipvpn/readvertise.ts'
import type { Ip } from '../values/address.ts'
import type { VpnInstance } from './instance.ts'
import type { Fallback, ResolvedRequest } from './request.ts'

/** What each attach sets of its instance as a whole. */
export interface InstanceSettings {
  readonly importTargets: readonly RouteTarget[]
  readonly exportTargets: readonly RouteTarget[]
  readonly gatewayIp: Ip | null
  readonly description: unknown
  /** Of an IP VPN, as `fallback`; null where it has none. */
  readonly readvertise: ReadvertiseTargets | null
  readonly fallback: Fallback | null
}

export function settingsOf(instance: VpnInstance): InstanceSettings {
  const { routing, description } = instance
  const { imports, exportTargets, gatewayIp } = routing
  const isIp = instance.type === 'ipvpn'
  const readvertise = isIp ? instance.vrf.readvertisement.targets : null
  const fallback = isIp ? instance.fallback : null
  return { importTargets: [...imports.targets], exportTargets, gatewayIp, description, readvertise, fallback }
}

/** The settings that a request asks for. */
export function settingsBy(request: ResolvedRequest, instance: VpnInstance): InstanceSettings {
  const { importTargets, exportTargets, gatewayIp, instanceDescription: description = null } = request
  const present = settingsOf(instance)
  const readvertise = request.readvertise ?? present.readvertise
  const fallback = request.fallback ?? present.fallback
  return { importTargets, exportTargets, gatewayIp, description, readvertise, fallback }
}

export function configure(instance: VpnInstance, settings: InstanceSettings): void {
  const { routing } = instance
  instance.description = settings.description
  routing.setGateway(settings.gatewayIp)
  routing.setTargets(settings.importTargets, settings.exportTargets)
  if (instance.type === 'evpn') return
  const { vrf } = instance
  if (settings.readvertise !== vrf.readvertisement.targets) vrf.setReadvertise(settings.readvertise)
  instance.fallback = settings.fallback
}
