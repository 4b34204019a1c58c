import { isOwned } from '../../driver.ts'
import type { VrfPort } from '../../model.ts'
import { missing, unrouted } from '../../refusal.ts'
import { setMaster, setUp } from '../encode.ts'
import { firstOf } from '../requests.ts'
import { portSettingsOf } from '../sysctl.ts'
import type { LinuxPortDefinition } from './link-definition.ts'
import { isAlone, releasePort } from './release-port.ts'
import { isTunnel } from './tunnel.ts'

/** A port of a VRF, with its settings. */
export const vrfPort: LinuxPortDefinition<VrfPort> = {
  kind: 'vrf-port',
  set({ device, vrf }, { requests, links, sysctls, isolation }) {
    const link = links.get(device)
    if (link === undefined) return missing(device)
    const master = links.get(vrf)
    if (master === undefined) return missing(vrf)
    if (master.kind !== 'vrf') return unrouted(vrf)
    const settings = portSettingsOf(link)
    const isMoved = link.master !== vrf
    if (isMoved) {
      sysctls.remember(settings, link.index)
      if (!isOwned(link)) setUp(requests, link.index, false)
      const refusal = firstOf(requests.send())
      if (refusal !== null) return refusal
      // entering gives it IPv6 addresses anew, which follow the new settings
      sysctls.apply(settings, link.index)
      setMaster(requests, link.index, master.index)
    }
    const refusal = firstOf(requests.send()) ?? sysctls.apply(settings, link.index)
    if (refusal !== null) return refusal
    if (!isTunnel(link)) isolation.filterPort(link.index)
    if (isMoved && !isOwned(link)) setUp(requests, link.index, true)
    const blocked = firstOf(requests.send())
    // only what enters is set up: so it enters again
    if (blocked !== null && isMoved) releasePort(link, { requests, links })
    return blocked
  },
  remove({ device, vrf }, { requests, links, sysctls, isolation }, enslaved) {
    const link = links.get(device)
    if (link === undefined || (link.master !== vrf && !isAlone(link, enslaved))) return null
    const refusal = releasePort(link, { requests, links })
    if (refusal !== null) return refusal
    sysctls.restore(device, portSettingsOf(link), link.index)
    isolation.unfilterPort(link.index)
    return null
  },
  settingsOf: portSettingsOf,
}
