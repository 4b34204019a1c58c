import type { Fault } from '../fault.ts'
import { HOLD_SECONDS } from '../node.ts'

export const reflectorKilled: Fault = {
  name: 'reflector-killed',
  weight: 2,
  isShared: true,
  async start(world, _node, random) {
    const signal = random.pick(['SIGKILL', 'SIGTERM'] as const)
    await world.reflector!.stop(signal)
    return {
      what: `reflector ended by ${signal}`,
      lastsMs: random.between(0, 2000),
      reports: /no session with any peer/,
      costs: ['session'],
      end: () => world.startReflector(),
    }
  },
}

export const reflectorStopped: Fault = {
  name: 'reflector-stopped',
  weight: 1,
  isShared: true,
  async start(world, _node, random) {
    const { pid } = world.reflector!
    const ms = random.chance(0.5) ? HOLD_SECONDS * 1000 + 3000 : random.between(200, 4000)
    process.kill(pid!, 'SIGSTOP')
    return {
      what: `reflector stopped for ${ms} ms`,
      lastsMs: ms,
      costs: ms < (HOLD_SECONDS * 1000) / 2 ? [] : ['session'],
      end: async () => void process.kill(pid!, 'SIGCONT'),
    }
  },
}
