import type { Options } from 'yargs'
import type { ListedOption } from '../api/config.ts'
import { listOf, request, type Server } from '../client.ts'
import { ConfigError, messagesOf } from '../config/finding.ts'
import type { ConfigText } from '../config/ini.ts'
import type { ConfigOrigin } from '../config/load.ts'
import { listedSettings } from '../config/shown-settings.ts'
import { DEFAULT_FILE } from '../config/sources.ts'
import { suggest } from '../config/suggest.ts'
import { printable } from '../values/controls.ts'
import { asking } from './asking.ts'
import { CliError, command } from './command.ts'
import { findingsJson, findingsText, optionsText } from './config-text.ts'
import { daemonOptions, originOf } from './daemon-options.ts'
import { print } from './print.ts'
import { jsonOption, portOption, serverOf, serverOptions } from './server-options.ts'

const ACTIONS = ['check', 'show']
/** Exit codes. */
const WRONG = 1
const UNREADABLE = 2

const options = {
  ...daemonOptions,
  running: {
    type: 'boolean',
    default: false,
    describe: 'Show what the running daemon has, instead of what is written (show)',
  },
  json: jsonOption,
  ...serverOptions,
  port: portOption,
} as const satisfies Record<string, Options>

export const config = command({
  usage: 'config <action> [file]',
  describe: `Read the configuration as the daemon would: ${ACTIONS.join(', ')}; exit code 1: it is wrong, 2: a file cannot be read`,
  options,
  examples: [
    ['config check', `Everything that is wrong with ${DEFAULT_FILE}, with its line and what is allowed`],
    ['config check bgp.conf.new', 'Before it takes the place of the old one'],
    ['config show', 'Every option in effect: its value, and where that is written'],
    ['config show --running', 'The same of the running daemon'],
  ],
  async run(args) {
    const action = String(args['action'])
    const file = args['file'] === undefined ? undefined : String(args['file'])
    if (!ACTIONS.includes(action)) throw new CliError(`${unknown(action)}; see chanter config --help`)
    if (args.running) {
      if (action !== 'show' || file !== undefined)
        throw new CliError('chanter config show --running takes no file: it asks the daemon')
      return asking(() => showRunning(serverOf(args, args.port), args.json))
    }
    const text = await read(origin(args, file))
    if (text === null) return
    const [{ checkConfig }, { exposures }] = await Promise.all([
      import('../config/load.ts'),
      import('../config/key-file.ts'),
    ])
    const { config, findings: ofText, settings } = checkConfig(text)
    const findings = [...ofText, ...exposures(config?.keyFiles ?? [], settings)]
    const errors = messagesOf(findings, 'error')
    if (action === 'check') await print(args.json ? json(findingsJson(findings)) : findingsText(findings))
    else if (errors.length > 0) throw new ConfigError(...errors)
    else await printOptions(listedSettings(settings), args.json)
    if (errors.length > 0) process.exitCode = WRONG
  },
})

function origin(args: Readonly<Record<string, unknown>>, file: string | undefined): ConfigOrigin {
  const found = originOf(args)
  if (file === undefined) return found
  if (found.sources.length > 0) throw new CliError(`name ${file} with --config-file too, or alone`)
  return { ...found, sources: [{ kind: 'file', path: file }] }
}

/** Null where a file cannot be read: prints that, and sets the exit code. */
async function read(from: ConfigOrigin): Promise<ConfigText | null> {
  const { readOrigin } = await import('../config/load.ts')
  try {
    return readOrigin(from)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`chanter: ${printable(error.message, '\n')}\n`)
    process.exitCode = UNREADABLE
    return null
  }
}

async function showRunning(server: Server, asJson: boolean): Promise<void> {
  const options = listOf<ListedOption>(
    await request(server, '/config'),
    'section',
    'option',
    'value',
    'source',
  )
  await printOptions(options, asJson)
}

function printOptions(options: readonly ListedOption[], asJson: boolean): Promise<void> {
  return print(asJson ? json(options) : optionsText(options))
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

function unknown(action: string): string {
  const guess = suggest(action, ACTIONS)
  return `unknown action ${action}${guess === undefined ? `: one of ${ACTIONS.join(', ')}` : ` (did you mean ${guess}?)`}`
}
