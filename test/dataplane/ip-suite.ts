import { describe } from 'vitest'
import { ipLabFixture } from './ip-fixture.ts'
import { adoption } from './ip-stories/adoption.ts'
import { failures } from './ip-stories/failures.ts'
import { programming } from './ip-stories/programming.ts'
import { removal } from './ip-stories/removal.ts'
import { repair } from './ip-stories/repair.ts'
import type { Lab } from './lab.ts'

const STORIES = [programming, removal, repair, adoption, failures]

/** What every driver has to do with its kernel: for IP VPNs, see `suite.ts` for EVPN. */
export function ipSuite(name: string, newLab: () => Lab): void {
  describe(name, () => {
    const fixture = ipLabFixture(newLab)
    for (const story of STORIES) story(fixture)
  })
}
