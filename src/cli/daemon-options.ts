import type { Options } from 'yargs'
import type { Assignment } from '../config/ini.ts'
import type { ConfigOrigin } from '../config/load.ts'
import { configOptions, path, sources } from './config-options.ts'

/** Arguments that switch an option of the configuration: `--debug` on, `--nodebug` off. */
const SWITCHES = ['debug', 'use-journal', 'use-json', 'use-syslog', 'watch-log-file'] as const
/** Arguments that set one. */
const VALUES = ['log-file', 'log-dir', 'log-config-append', 'log-date-format', 'syslog-log-facility'] as const

const hidden = { type: 'string', requiresArg: true, hidden: true } as const

/** oslo.log's arguments, which unit files for bagpipe-bgp carry. */
const logArguments = {
  debug: { type: 'boolean', alias: 'd', describe: 'Log more ([DEFAULT] debug)' },
  'log-file': {
    ...path,
    alias: 'logfile',
    describe: 'File that the log is appended to ([DEFAULT] log_file)',
  },
  'log-dir': { ...path, alias: 'logdir', describe: 'Directory of the log ([DEFAULT] log_dir)' },
  'use-syslog': { type: 'boolean', describe: 'Log to syslog ([DEFAULT] use_syslog)' },
  'use-journal': { type: 'boolean', describe: "Log to systemd's journal ([DEFAULT] use_journal)" },
  'watch-log-file': { type: 'boolean', hidden: true },
  'use-json': { type: 'boolean', hidden: true },
  'syslog-log-facility': hidden,
  'log-date-format': hidden,
  'log-config-append': { ...hidden, alias: ['log-config', 'log_config'] },
  nodebug: { type: 'boolean', hidden: true },
  'nouse-journal': { type: 'boolean', hidden: true },
  'nouse-json': { type: 'boolean', hidden: true },
  'nouse-syslog': { type: 'boolean', hidden: true },
  'nowatch-log-file': { type: 'boolean', hidden: true },
} as const satisfies Record<string, Options>

/** The arguments that select and override the daemon's configuration. */
export const daemonOptions = {
  ...configOptions,
  ...logArguments,
  reflector: { type: 'boolean', describe: 'Reflect routes among the peers ([BGP] reflector)' },
} as const satisfies Record<string, Options>

/** For a command that reads the same configuration and writes no log. */
export const hiddenLogArguments: Readonly<Record<string, Options>> = Object.fromEntries(
  Object.entries(logArguments).map(([name, option]) => [name, { ...option, hidden: true }]),
)

/** The configuration that the arguments select. */
export function originOf(args: Readonly<Record<string, unknown>>): ConfigOrigin {
  return { sources: sources(process.argv.slice(2)), overrides: [...overrides(args)] }
}

function* overrides(args: Readonly<Record<string, unknown>>): Iterable<Assignment> {
  if (args['reflector']) yield override('BGP', 'reflector', 'true', 'reflector')
  for (const name of SWITCHES) {
    const option = name.replaceAll('-', '_')
    if (args[name]) yield override('DEFAULT', option, 'true', name)
    else if (args[`no${name}`]) yield override('DEFAULT', option, 'false', `no${name}`)
  }
  for (const name of VALUES) {
    const value = args[name]
    if (typeof value === 'string') yield override('DEFAULT', name.replaceAll('-', '_'), value, name)
  }
}

function override(section: string, option: string, value: string, argument: string): Assignment {
  return { section, option, value, file: `argument --${argument}`, line: null }
}
