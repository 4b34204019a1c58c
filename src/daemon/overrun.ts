import { systemClock } from '../clock.ts'
import { LinuxDriver } from '../dataplane/linux/driver.ts'
import { ownedOnBridges } from '../dataplane/linux/ownership.ts'
import type { Interface, MadeLink } from '../dataplane/model.ts'
import { externalDevices } from '../vpn/linux/external-devices.ts'
import { formerWork } from '../vpn/linux/former-work.ts'
import type { SavedState } from '../vpn/state.ts'

/** Of the devices that bagpipe-bgp makes for each VPN instance. */
const KINDS: readonly MadeLink['kind'][] = ['vxlan', 'vrf']
/** bagpipe-bgp counts its VRFs from 1, and deletes this one with all others of the prefix. */
const BLACKHOLE_VRF = 'bvrf-0'

/**
 * Whether bagpipe-bgp has served this node since the state was written: ports are where its agents attached them, and what they attached
 * to chanter before may be gone, or elsewhere. Then what chanter left on the agents' bridges is removed, of which only the state knows.
 */
export async function isOverrun(state: SavedState): Promise<boolean> {
  const { programs, links } = formerWork(state)
  const driver = new LinuxDriver({ clock: systemClock, former: { programs, links: [] } })
  try {
    if (!areReplaced(links, driver.ownedLinks(), driver.link(BLACKHOLE_VRF) !== undefined)) return false
    for (const { remove } of await ownedOnBridges(driver, externalDevices(state))) await remove()
    return true
  } finally {
    driver.close()
  }
}

/**
 * Whether links of bagpipe-bgp are in the place of those that were made: its first attach deletes all that chanter has of a kind. VRFs of chanter
 * that lost their aliases look like its own, and are known by the blackhole VRF beside them.
 */
export function areReplaced(
  made: readonly MadeLink[],
  present: readonly Pick<Interface, 'kind' | 'alias'>[],
  hasBlackhole: boolean,
): boolean {
  return KINDS.some((kind) => {
    if (kind === 'vrf' && hasBlackhole) return false
    const here = present.filter((link) => link.kind === kind)
    const isReplaced = here.length > 0 && here.every(({ alias }) => alias === null)
    return isReplaced && made.some((link) => link.kind === kind)
  })
}
