import type { Fault } from '../fault.ts'

const HOUR_MS = 3_600_000
const JUMPS = [1000, HOUR_MS, 24 * HOUR_MS, 10 * 365 * 24 * HOUR_MS]

export const clock: Fault = {
  name: 'clock',
  weight: 2,
  async start(_world, node, random) {
    const ms = random.pick(JUMPS) * random.pick([1, -1])
    const isPermanent = random.chance(0.5)
    node.setClock(ms)
    return {
      what: `time of day off by ${ms / 1000} s${isPermanent ? '' : ', and back'}`,
      lastsMs: random.between(500, 4000),
      end: async () => node.setClock(isPermanent ? ms : 0),
    }
  },
}
