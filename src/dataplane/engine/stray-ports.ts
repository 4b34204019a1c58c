import { shellWord } from '../../values/shell-word.ts'
import type { Driver } from '../driver.ts'
import { type Eventual, whenAnswered } from '../eventual.ts'
import type { Device } from './device.ts'

/**
 * Interfaces in owned bridges and VRFs that no entry has there, in a sentence: a later state may have been lost with their attachments, or another program put them there. They
 * get BUM frames, or packets of the VRF.
 */
export function strayPortGaps(
  devices: ReadonlyMap<string, Device>,
  driver: Pick<Driver, 'portsOfOwned'>,
): Eventual<string[]> {
  return whenAnswered(driver.portsOfOwned(), (ports) => {
    const isWanted = (name: string | null) => (devices.get(name ?? '')?.link ?? null) !== null
    // the ports of stale links are reported with these
    const stray = ports.filter(({ name, master }) => isWanted(master) && !isKnown(devices.get(name)))
    const [first] = stray
    if (first === undefined) return []
    const others = stray.length > 1 ? ` and ${stray.length - 1} more` : ''
    return [
      `ports in bridges or VRFs of chanter that no agent has attached: ${first.name} in ${first.master}${others}: attach them again, or take them out (ip link set ${shellWord(first.name)} nomaster)`,
    ]
  })
}

/** Whether the device is wanted, or being removed. */
function isKnown(device: Device | undefined): boolean {
  if (device === undefined) return false
  const { link, port, leavingLink, leavingPort } = device
  return [link, port, leavingLink, leavingPort].some((entry) => entry !== null)
}
