import type { Fault } from '../fault.ts'
import { bridgeOf, vxlanOf } from '../kernel.ts'
import { HOLD_SECONDS } from '../node.ts'
import { drawNetwork } from './devices.ts'

/** SIGUSR1 is left out: by it Node opens its debugger, which is Node's own. */
const HARMLESS = ['SIGHUP', 'SIGUSR2', 'SIGPIPE', 'SIGWINCH', 'SIGCHLD', 'SIGURG', 'SIGALRM'] as const

export const killed: Fault = {
  name: 'killed',
  weight: 3,
  async start(_world, node, random) {
    const signal = random.pick(['SIGKILL', 'SIGTERM'] as const)
    await node.daemon!.stop(signal)
    return {
      what: `daemon ended by ${signal}`,
      lastsMs: random.between(0, 1500),
      costs: ['session'],
      end: () => node.start(),
    }
  },
}

/** A change of the alias while no daemon runs does not end the ownership of the link. */
export const unmarkedWhileDown: Fault = {
  name: 'unmarked-while-down',
  weight: 2,
  async start(world, node, random) {
    const network = drawNetwork(world, node, random)
    const devices = random.some([bridgeOf, vxlanOf]).map((nameOf) => nameOf(network))
    await node.daemon!.stop('SIGKILL')
    for (const device of devices) await node.ip('link', 'set', device, 'alias', 'uplink of rack 7')
    return {
      what: `daemon ended by SIGKILL, and ${devices.join(' and ')} without mark`,
      costs: ['session'],
      end: () => node.start(),
    }
  },
}

export const stopped: Fault = {
  name: 'stopped',
  weight: 2,
  async start(_world, node, random) {
    const ms = random.chance(0.3) ? HOLD_SECONDS * 1000 + 2000 : random.between(200, 4000)
    process.kill(node.pid, 'SIGSTOP')
    return {
      what: `daemon stopped for ${ms} ms`,
      lastsMs: ms,
      costs: ms < (HOLD_SECONDS * 1000) / 2 ? [] : ['session'],
      end: async () => void process.kill(node.pid, 'SIGCONT'),
    }
  },
}

export const signalled: Fault = {
  name: 'signalled',
  weight: 1,
  async start(_world, node, random) {
    const signals = Array.from({ length: random.between(1, 8) }, () => random.pick(HARMLESS))
    for (const signal of signals) process.kill(node.pid, signal)
    return { what: `daemon gets ${signals.join(' ')}` }
  },
}
