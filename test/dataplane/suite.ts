import { describe } from 'vitest'
import { labFixture } from './fixture.ts'
import type { Lab } from './lab.ts'
import { adoption } from './stories/adoption.ts'
import { drift } from './stories/drift.ts'
import { externalBridge } from './stories/external-bridge.ts'
import { failures } from './stories/failures.ts'
import { programming } from './stories/programming.ts'
import { removal } from './stories/removal.ts'
import { repair } from './stories/repair.ts'
import { verification } from './stories/verification.ts'
import { vxlanMtu } from './stories/vxlan-mtu.ts'

const STORIES = [
  programming,
  removal,
  repair,
  adoption,
  drift,
  verification,
  failures,
  externalBridge,
  vxlanMtu,
]

/** What every driver has to do with its kernel: for EVPN, see `ip-suite.ts` for IP VPNs. */
export function dataplaneSuite(name: string, newLab: () => Lab): void {
  describe(name, () => {
    const fixture = labFixture(newLab)
    for (const story of STORIES) story(fixture)
  })
}
