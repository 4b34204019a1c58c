import { isOwned, type Link } from '../../driver.ts'
import type { Port } from '../../model.ts'
import { busy, elsewhere, missing, type Refusal } from '../../refusal.ts'
import { resetPortOptions, setForwarding, setPortOptions } from '../bridge-port.ts'
import * as k from '../constants.ts'
import { setMaster, setUp } from '../encode.ts'
import { firstOf } from '../requests.ts'
import type { DeviceTools, LinuxPortDefinition } from './link-definition.ts'
import { isAlone, releasePort } from './release-port.ts'

/** A port of a bridge. */
export const port: LinuxPortDefinition<Port> = {
  kind: 'port',
  set(entry, tools) {
    const { requests, links } = tools
    const link = links.get(entry.device)
    if (link === undefined) return missing(entry.device)
    const bridge = links.get(entry.bridge)
    if (bridge === undefined) return missing(entry.bridge)
    const isMoved = link.master !== entry.bridge
    if (entry.external && link.master !== null && isMoved && links.lookUp(link.master)?.owned !== true)
      return elsewhere(entry.device, link.master)
    if (isMoved) setMaster(requests, link.index, bridge.index)
    const refusal = firstOf(requests.send())
    // a refused device stays down
    if (refusal !== null) return refusal.errno === k.EBUSY ? busyPort(link, tools, refusal) : refusal
    setPortOptions(requests, link.index, entry)
    if (isMoved && !isOwned(link)) setUp(requests, link.index, true)
    const blocked = firstOf(requests.send())
    // only what enters is set up: so it enters again
    if (blocked !== null && isMoved) releasePort(link, tools)
    return blocked ?? (isMoved ? null : forward(link.name, tools))
  },
  remove({ device, bridge, external }, { requests, links }, enslaved) {
    const link = links.get(device)
    if (link === undefined || (link.master !== bridge && !isAlone(link, enslaved))) return null
    const master = external ? links.get(bridge) : undefined
    if (master === undefined || isOwned(master)) return releasePort(link, { requests, links })
    if (link.master === null) return null
    resetPortOptions(requests, link)
    return firstOf(requests.send())
  },
}

/** Interfaces of these kinds receive what the one below them does. */
const RECEIVERS = ['macvlan', 'macvtap', 'ipvlan', 'ipvtap']

function busyPort({ name, index }: Link, { links }: DeviceTools, refusal: Refusal): Refusal {
  const receivers = links.uppersOf(index, RECEIVERS).map((upper) => upper.name)
  return busy(name, receivers, refusal)
}

/** Opens a port whose state was changed. */
function forward(device: string, { requests, links }: DeviceTools): Refusal | null {
  const link = links.get(device)
  if (link === undefined || link.forwarding) return null
  setForwarding(requests, link)
  return firstOf(requests.send())
}
