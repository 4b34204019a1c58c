import type { VpnInstance } from '../vpn/instance.ts'
import { VPN_TYPES, type VpnType } from '../vpn/request.ts'
import type { ServiceViews } from './looking-glass/index.ts'

type Served = Pick<ServiceViews, 'vpns' | 'drivers'>

/** The instances that the kernel forwards for, if it does for any. */
export function forwardedInstances({ vpns, drivers }: Served): VpnInstance[] {
  return [...vpns.instances.values()].filter(({ type }) => !isDummyBesideKernel(type, drivers))
}

/** Instances with a dummy driver, on a node that forwards for the other type. */
export function* dummyInstances({ vpns, drivers }: Served): Iterable<string> {
  for (const type of VPN_TYPES) {
    const count = [...vpns.instances.values()].filter((one) => one.type === type).length
    if (isDummyBesideKernel(type, drivers) && count > 0)
      yield `${count} instances of type ${type} have the dummy driver, which forwards nothing: set [DATAPLANE_DRIVER_${type.toUpperCase()}] dataplane_driver = linux, or detach them`
  }
}

function isDummyBesideKernel(type: VpnType, drivers: Served['drivers']): boolean {
  return drivers.evpn.name !== drivers.ipvpn.name && drivers[type].name === 'dummy'
}
