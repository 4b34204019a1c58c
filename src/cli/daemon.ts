import type { Options } from 'yargs'
import { DEFAULT_FILE } from '../config/sources.ts'
import { createLog } from '../log.ts'
import { VERSION } from '../version.ts'
import { command } from './command.ts'
import { path } from './config-options.ts'
import { daemonOptions, originOf } from './daemon-options.ts'
import { untilSignal } from './until-signal.ts'

const options = {
  ...daemonOptions,
  fresh: { type: 'boolean', default: false, describe: 'Begin with nothing: do not read the state file' },
  record: {
    ...path,
    hidden: true,
    describe: 'File that all input is appended to, from which tests can replay this run',
  },
} as const satisfies Record<string, Options>

export const daemon = command({
  usage: 'daemon',
  describe: 'Run the daemon in the foreground',
  options,
  examples: [
    ['daemon', `Read ${DEFAULT_FILE}, log to standard output`],
    [
      'daemon --config-file bgp.conf --config-dir conf.d --log-file /var/log/chanter.log --debug',
      'Several sources, the later wins',
    ],
  ],
  async run(args) {
    const [{ loadConfig }, { runDaemon }] = await Promise.all([
      import('../config/load.ts'),
      import('../daemon.ts'),
    ])
    const origin = originOf(args)
    const load = () => loadConfig(origin)
    const loaded = load()
    const { config, warnings, notes } = loaded
    const logs = createLog(config.log)
    const { events } = logs
    events.emit({ type: 'starting', version: VERSION, config: config.effective })
    for (const reason of warnings) events.emit({ type: 'config-warning', reason })
    for (const reason of notes) events.emit({ type: 'config-note', reason })
    await untilSignal(logs, () =>
      runDaemon(loaded, logs, { load, fresh: args.fresh, record: args.record ?? null }),
    )
  },
})
