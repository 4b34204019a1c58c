import { evpnBagpipe } from './bagpipe.ts'
import { evpnFrr } from './frr.ts'
import { constraint, evpnPing, evpnRestarts } from './gobgp.ts'
import { ipVpnFrr, ipVpnGobgp } from './ipvpn.ts'
import { direct, dynamic, ownReflector } from './ourselves.ts'
import type { Scenario } from './scenario.ts'

/** All scenarios, the one that everything builds on first. */
export const SCENARIOS: readonly Scenario[] = [
  evpnPing,
  evpnRestarts,
  constraint,
  ipVpnGobgp,
  evpnFrr,
  ipVpnFrr,
  evpnBagpipe,
  ownReflector,
  direct,
  dynamic,
]
