import { beforeEach } from 'vitest'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

export const A = '10.77.0.11'
export const B = '10.77.0.12'

export let clock: VirtualClock
export let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})
