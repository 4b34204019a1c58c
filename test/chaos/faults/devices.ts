import type { Random } from '../../sim/random.ts'
import { type Agent, NETWORKS, type Network } from '../agent.ts'
import type { Fault } from '../fault.ts'
import { bridgeOf, vxlanOf } from '../kernel.ts'
import type { ChaosNode } from '../node.ts'
import type { World } from '../world.ts'

/** An external bridge, gone with the fault. */
const OTHER_BRIDGE = 'stranger-br'

const agentOf = ({ agents }: World, node: ChaosNode): Agent => agents.find((agent) => agent.node === node)!

/** A network that the node has. */
export function drawNetwork(world: World, node: ChaosNode, random: Random): Network {
  return random.pick(NETWORKS.filter((network) => agentOf(world, node).in(network).length > 0))
}

const drawDevice = (world: World, node: ChaosNode, random: Random): string => {
  const network = drawNetwork(world, node, random)
  return random.pick([bridgeOf, vxlanOf])(network)
}

export const renamed: Fault = {
  name: 'renamed',
  weight: 1,
  async start(world, node, random) {
    const device = drawDevice(world, node, random)
    await node.ip('link', 'set', device, 'down')
    await node.ip('link', 'set', device, 'name', 'stray')
    return { what: `${device} down and renamed`, costs: ['packets'] }
  },
}

export const aliased: Fault = {
  name: 'aliased',
  weight: 1,
  async start(_world, node, random) {
    // the first network is always wanted: what loses its mark while it goes is left to its owner
    const [network] = NETWORKS as [Network]
    const device = random.pick([bridgeOf, vxlanOf])(network)
    const alias = random.pick(['chanter:another', 'uplink of rack 7'])
    await node.ip('link', 'set', device, 'alias', alias)
    return {
      what: `${device} gets the alias "${alias}"`,
      costs: ['packets'],
    }
  },
}

export const deleted: Fault = {
  name: 'deleted',
  weight: 2,
  async start(world, node, random) {
    const device = drawDevice(world, node, random)
    await node.ip('link', 'del', device)
    return { what: `${device} deleted`, costs: ['packets'] }
  },
}

export const down: Fault = {
  name: 'down',
  weight: 2,
  async start(world, node, random) {
    const device = drawDevice(world, node, random)
    const isUpAgain = random.chance(0.5)
    await node.ip('link', 'set', device, 'down')
    if (isUpAgain) await node.ip('link', 'set', device, 'up')
    return { what: `${device} down${isUpAgain ? ' and up' : ''}`, costs: ['packets'] }
  },
}

export const moved: Fault = {
  name: 'moved',
  weight: 2,
  async start(world, node, random) {
    const device = random.chance(0.5)
      ? vxlanOf(drawNetwork(world, node, random))
      : drawPort(world, node, random)
    const isIntoAnother = random.chance(0.5)
    if (isIntoAnother) {
      await node.ip('link', 'add', OTHER_BRIDGE, 'type', 'bridge')
      await node.ip('link', 'set', device, 'master', OTHER_BRIDGE)
    } else await node.ip('link', 'set', device, 'nomaster')
    return {
      what: `${device} taken out of its bridge${isIntoAnother ? ' into another one' : ''}`,
      lastsMs: random.between(0, 1000),
      costs: ['packets'],
      ...(isIntoAnother ? { end: async () => void (await node.ip('link', 'del', OTHER_BRIDGE)) } : {}),
    }
  },
}

/** A port that is in some network. */
export function drawPort(world: World, node: ChaosNode, random: Random): string {
  const { wanted } = agentOf(world, node)
  return random.pick(node.vms.filter((vm) => (wanted.get(vm) ?? null) !== null)).port
}
