import type { LocalMac } from '../dataplane/model.ts'
import type { SavedState } from './state.ts'

/** Where entries of ours are on devices that are not ours. */
export interface ExternalDevices {
  /** Bridges that were given to us: their neighbours. */
  readonly bridges: readonly string[]
  /** VXLAN devices that were found in them: their MAC addresses and VTEPs. */
  readonly vxlans: readonly string[]
  /** Local MAC addresses in such bridges. */
  readonly localMacs: readonly LocalMac[]
}

/** What a state tells of devices that are not ours. */
export function externalDevices({ instances, footprint }: SavedState): ExternalDevices {
  const bridges = new Set<string>()
  const vxlans = new Set<string>()
  const localMacs: LocalMac[] = footprint.filter((entry) => entry.kind === 'local-mac')
  for (const instance of instances) {
    if (instance.type !== 'evpn') continue
    const { devices, attachments } = instance
    if (devices.givenVxlan) vxlans.add(devices.vxlan)
    if (!devices.givenBridge) continue
    bridges.add(devices.bridge)
    for (const { port: device, mac } of attachments) localMacs.push({ kind: 'local-mac', device, mac })
  }
  return { bridges: [...bridges], vxlans: [...vxlans], localMacs }
}
