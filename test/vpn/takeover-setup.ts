import { beforeEach } from 'vitest'
import type { Link } from '../../src/dataplane/driver.ts'
import { TestNode } from '../support/node.ts'
import { ip, peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
/** bagpipe-bgp's names have 8 characters of an id. */
export const UUID = '3f2a9c1e-6d0b-4c58-9b1e-0a7d5c2f4e61'

export let clock: VirtualClock
export let node: TestNode

beforeEach(() => {
  clock = new VirtualClock()
  node = new TestNode(A, [peerConfig(B)], clock, new VirtualNetwork(clock))
  node.withPorts('eth0', 'mpls0', 'tap1', 'tap2')
  node.driver.kernel.holders.set(ip(A), 'eth0')
})

export const named = (name: string): Link | undefined => node.driver.kernel.links.get(name)

/** What bagpipe-bgp leaves for an instance whose id begins like that, with two ports in its bridge. */
export function leave(suffix: string, traits: Partial<Link> = {}, bridge = `evpn---${suffix}`): void {
  const { kernel } = node.driver
  kernel.addLink(bridge, { kind: 'bridge', owned: bridge.startsWith('evpn---'), up: true })
  kernel.addLink(`vxlan--${suffix}`, {
    ...{ kind: 'vxlan', vni: 100, port: 4789, local: ip(A), up: true, owned: true, outdated: true },
    ...traits,
  })
  kernel.enslave(`vxlan--${suffix}`, bridge)
  for (const port of ['tap1', 'tap2']) kernel.enslave(port, bridge)
}

/** The VRF of bagpipe-bgp's instance `n`, with a port. */
export function leaveVrf(n: number, port: string): void {
  const { kernel } = node.driver
  kernel.addLink(`bvrf-${n}`, { kind: 'vrf', table: 1000 + n, owned: true, up: true })
  kernel.enslave(port, `bvrf-${n}`)
  kernel.setUp(port)
}

export const devicesOf = (id: string) => {
  const instance = node.vpns.instances.get(id)
  return instance?.type === 'evpn' ? instance.forwarding.state.devices : undefined
}
export const vrfOf = (id: string) => {
  const instance = node.vpns.instances.get(id)
  return instance?.type === 'ipvpn' ? instance.forwarding.state : undefined
}
export const indexes = (...names: string[]) => names.map((name) => named(name)?.index)
