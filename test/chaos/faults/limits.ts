import { readdirSync } from 'node:fs'
import { run } from '../../../src/lab/command.ts'
import type { Fault } from '../fault.ts'
import type { ChaosNode } from '../node.ts'

/** Room for connections of the API, so that the agent is served at all. */
const SPARE = 4
const NORMAL = 4096

const setLimit = ({ pid }: ChaosNode, files: number) =>
  run('prlimit', `--pid=${pid}`, `--nofile=${files}:${NORMAL}`)

export const fewFiles: Fault = {
  name: 'few-files',
  weight: 2,
  async start(_world, node, random) {
    const open = readdirSync(`/proc/${node.pid}/fd`).length
    const spare = random.between(0, SPARE)
    await setLimit(node, open + spare)
    return {
      what: `room for ${spare} more open files`,
      lastsMs: random.between(500, 5000),
      end: async () => void (await setLimit(node, NORMAL)),
    }
  },
}
