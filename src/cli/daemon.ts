import type { Options } from 'yargs'
import type { Assignment } from '../config/ini.ts'
import { DEFAULT_FILE, readSources } from '../config/sources.ts'
import { createLog } from '../log.ts'
import { VERSION } from '../version.ts'
import { CliError, command } from './command.ts'
import { configOptions, ignored, path, sources } from './config-options.ts'
import { untilSignal } from './until-signal.ts'

const options = {
  ...configOptions,
  debug: { type: 'boolean', alias: 'd', describe: 'Log more ([DEFAULT] debug)' },
  nodebug: { type: 'boolean', hidden: true },
  'log-file': {
    ...path,
    alias: 'logfile',
    describe: 'File that the log is appended to ([DEFAULT] log_file)',
  },
  fresh: { type: 'boolean', default: false, describe: 'Begin with nothing: do not read the state file' },
  record: {
    ...path,
    hidden: true,
    describe: 'File that all input is appended to, from which tests can replay this run',
  },
  reflector: { type: 'boolean', describe: 'Reflect routes among the peers ([BGP] reflector)' },
  'log-dir': { ...path, alias: 'logdir', describe: 'Directory of the log ([DEFAULT] log_dir)' },
} as const satisfies Record<string, Options>

export const daemon = command({
  usage: 'daemon',
  describe: 'Run the daemon in the foreground',
  options: { ...ignored, ...options },
  examples: [
    ['daemon', `Read ${DEFAULT_FILE}, log to standard output`],
    [
      'daemon --config-file bgp.conf --config-dir conf.d --log-file /var/log/chanter.log --debug',
      'Several sources, the later wins',
    ],
  ],
  async run(args) {
    const [{ interpret }, { runDaemon }] = await Promise.all([
      import('../config/load.ts'),
      import('../daemon.ts'),
    ])
    const overrides = [
      ...override('BGP', 'reflector', args.reflector ? 'true' : undefined),
      ...override('DEFAULT', 'debug', args.debug ? 'true' : args.nodebug ? 'false' : undefined),
      ...override('DEFAULT', 'log_file', args['log-file']),
      ...override('DEFAULT', 'log_dir', args['log-dir']),
    ]
    const { config, warnings, notes, refusal } = interpret([
      ...readSources(sources(process.argv.slice(2))),
      ...overrides,
    ])
    if (refusal !== null) throw new CliError(refusal)
    const logs = createLog(config.log)
    const { log } = logs
    log.info({ version: VERSION, config: config.effective }, 'starting')
    for (const warning of warnings) log.warn(warning)
    for (const note of notes) log.debug(note)
    await untilSignal(logs, () => runDaemon(config, logs, { fresh: args.fresh, record: args.record ?? null }))
  },
})

function override(section: string, option: string, value: string | undefined): Assignment[] {
  return value === undefined ? [] : [{ section, option, value, file: 'the command line', line: null }]
}
