import { evpnPing, evpnRestarts } from './gobgp.ts'
import type { Scenario } from './scenario.ts'

/** All scenarios, the one that everything builds on first. */
export const SCENARIOS: readonly Scenario[] = [evpnPing, evpnRestarts]
