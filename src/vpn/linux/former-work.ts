import type { FormerWork, MadeLink } from '../../dataplane/model.ts'
import type { InstanceState, SavedState } from '../state.ts'

/** The kernel objects of the process that left a state; null: unknown. */
export function formerWork(state: SavedState | null): FormerWork {
  return { programs: state?.programs ?? [], links: state?.instances.flatMap(linksOf) ?? [] }
}

/** The links that were made for an instance, except shared ones. */
function linksOf(instance: InstanceState): MadeLink[] {
  const none = { vni: null, table: null }
  if (instance.type === 'ipvpn') {
    const { device: name, table } = instance
    // earlier versions did not write them
    return name === undefined || table === undefined ? [] : [{ ...none, name, kind: 'vrf', table }]
  }
  const { bridge, externalBridge, vxlan, externalVxlan } = instance.devices
  return [
    ...(externalBridge ? [] : [{ ...none, name: bridge, kind: 'bridge' } as const]),
    ...(externalVxlan ? [] : [{ ...none, name: vxlan, kind: 'vxlan', vni: instance.vni } as const]),
  ]
}
