import { CHANTER } from '../../../src/lab/chanter.ts'
import type { Fault } from '../fault.ts'

/** Commands that must not do anything while a daemon runs. */
const COMMANDS = [
  { what: 'second daemon', words: ['daemon', '--config-file'] },
  { what: 'cleanup', words: ['cleanup', '--force', '--state-file'] },
] as const

export const secondDaemon: Fault = {
  name: 'second-daemon',
  weight: 1,
  async start({ lab }, node, random) {
    const { what, words } = random.pick(COMMANDS)
    const file = what === 'cleanup' ? node.stateFile : node.configFile
    const output = await lab.exec(node.host.namespace, CHANTER, ...words, file).then(
      () => 'nothing',
      (error: Error) => error.message,
    )
    if (!output.includes(`in use by pid ${node.pid}`)) throw new Error(`${what} was not refused: ${output}`)
    return { what: `${what} refused` }
  },
}
