import { run } from '../../../src/lab/command.ts'
import type { Fault } from '../fault.ts'
import { HOLD_SECONDS } from '../node.ts'

export const underlay: Fault = {
  name: 'underlay',
  weight: 3,
  async start({ reflectorHost }, node, random) {
    const isLong = random.chance(0.3)
    const isOwnEnd = random.chance(0.5)
    const turn = (to: 'up' | 'down') =>
      isOwnEnd
        ? node.ip('link', 'set', 'eth0', to)
        : run('ip', '-n', reflectorHost.namespace, 'link', 'set', node.uplink, to)
    await turn('down')
    const ms = isLong ? HOLD_SECONDS * 1000 + 3000 : random.between(200, HOLD_SECONDS * 300)
    return {
      what: `${isOwnEnd ? 'eth0' : `${node.uplink} of the switch`} down for ${ms} ms`,
      lastsMs: ms,
      costs: isLong ? ['packets', 'session'] : ['packets'],
      ...(isLong ? { reports: /no session with any peer/ } : {}),
      end: async () => void (await turn('up')),
    }
  },
}

export const address: Fault = {
  name: 'underlay-address',
  weight: 1,
  async start(_world, node, random) {
    const words = [`${node.host.address}/24`, 'dev', 'eth0']
    await node.ip('addr', 'del', ...words)
    const ms = random.between(200, 2500)
    return {
      what: `eth0 without its address for ${ms} ms`,
      lastsMs: ms,
      costs: ['packets', 'session'],
      end: async () => void (await node.ip('addr', 'add', ...words)),
    }
  },
}
