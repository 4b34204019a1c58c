import type { LocalMac } from '../../dataplane/model.ts'
import type { SavedState } from '../state.ts'

/** External devices that hold owned entries. */
export interface ExternalDevices {
  /** External bridges named by an agent: their neighbours are owned. */
  readonly bridges: readonly string[]
  /** External VXLAN devices found in them: their MAC addresses and VTEPs are owned. */
  readonly vxlans: readonly string[]
  /** Ports in such bridges: their local MAC addresses are owned. */
  readonly localMacs: readonly LocalMac[]
}

/** The external devices of a state. */
export function externalDevices({ instances, pending }: SavedState): ExternalDevices {
  const bridges = new Set<string>()
  const vxlans = new Set<string>()
  const localMacs: LocalMac[] = pending.filter((entry) => entry.kind === 'local-mac')
  for (const instance of instances) {
    if (instance.type !== 'evpn') continue
    const { devices, attachments } = instance
    if (devices.externalVxlan) vxlans.add(devices.vxlan)
    if (!devices.externalBridge) continue
    bridges.add(devices.bridge)
    for (const { port: device, mac } of attachments) localMacs.push({ kind: 'local-mac', device, mac })
  }
  return { bridges: [...bridges], vxlans: [...vxlans], localMacs }
}
