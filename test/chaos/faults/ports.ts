import type { Fault } from '../fault.ts'
import { vxlanOf } from '../kernel.ts'
import { drawNetwork, drawPort } from './devices.ts'

/** External changes of the options of a bridge port, as `bridge link set` has it. */
const OPTIONS = [
  'learning on',
  'flood off',
  'isolated on',
  'hairpin on',
  'locked on',
  'neigh_suppress on',
  'neigh_suppress off',
  'mcast_flood off',
  'bcast_flood off',
  'state 0',
  'state 1',
  'mcast_to_unicast on',
  'vlan_tunnel on',
]

export const portOptions: Fault = {
  name: 'port-options',
  weight: 3,
  async start(world, node, random) {
    const port = random.chance(0.7)
      ? drawPort(world, node, random)
      : vxlanOf(drawNetwork(world, node, random))
    const options = Array.from({ length: random.between(1, 3) }, () => random.pick(OPTIONS))
    await node.bridge('link', 'set', 'dev', port, ...options.flatMap((option) => option.split(' ')))
    return { what: `${port}: ${options.join(', ')}`, costs: ['packets'] }
  },
}

export const portDown: Fault = {
  name: 'port-down',
  weight: 2,
  async start(_world, node, random) {
    // that of the VM that stays: only the daemon may set up a port that is detached meanwhile
    const { port } = node.vms[0]!
    await node.ip('link', 'set', port, 'down')
    const ms = random.between(0, 4000)
    return {
      what: `${port} down for ${ms} ms`,
      lastsMs: ms,
      costs: ['packets'],
      end: async () => void (await node.ip('link', 'set', port, 'up')),
    }
  },
}

export const portRenamed: Fault = {
  name: 'port-renamed',
  weight: 1,
  async start(world, node, random) {
    const port = drawPort(world, node, random)
    await node.ip('link', 'set', port, 'name', 'stray-tap')
    const ms = random.between(0, 3000)
    return {
      what: `${port} renamed for ${ms} ms`,
      lastsMs: ms,
      costs: ['packets'],
      end: async () => void (await node.ip('link', 'set', 'stray-tap', 'name', port)),
    }
  },
}
