import { beforeEach } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import { TestNode } from '../support/node.ts'
import { peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

export const A = '10.77.0.11'
export const B = '10.77.0.12'

export let clock: VirtualClock
export let network: VirtualNetwork
export let node: TestNode

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  node = new TestNode(A, [peerConfig(B)], clock, network).withPorts('tap1', 'tap2', 'tap3')
})

export const advertised = (of: TestNode): string[] =>
  [...of.speaker.rib.ownRoutes(EVPN)].map(({ nlri }) => nlriCodec(EVPN)!.format(nlri))
export const wanted = (of: TestNode): string[] => of.wanted().map(identity).sort()
