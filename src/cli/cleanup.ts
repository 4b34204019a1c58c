import type { Options } from 'yargs'
import { NoAnswer, request, type Server, urlOf } from '../client.ts'
import { API_HOST, API_PORT } from '../config/api-address.ts'
import type { Config } from '../config/config.ts'
import { ConfigError, messagesOf } from '../config/finding.ts'
import { statePath } from '../config/types.ts'
import { CliError, command } from './command.ts'
import { configOptions, path } from './config-options.ts'
import { hiddenLogArguments, originOf } from './daemon-options.ts'
import { print } from './print.ts'
import { countText } from './words.ts'

const options = {
  ...configOptions,
  'state-file': {
    ...path,
    describe: 'The state file; then no configuration is read',
    defaultDescription: '[DEFAULT] state_file',
  },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'List what there is to remove, and remove nothing',
  },
  force: { type: 'boolean', default: false, describe: 'Remove it although a daemon seems to run' },
} as const satisfies Record<string, Options>

export const cleanup = command({
  usage: 'cleanup',
  describe: 'Remove from this network namespace what chanter and bagpipe-bgp left in it, and nothing else',
  options: { ...hiddenLogArguments, ...options },
  examples: [
    ['cleanup --dry-run', 'What there is'],
    ['cleanup', 'Remove it; the daemon must be stopped'],
    ['cleanup --state-file /var/lib/chanter/state', 'Without a configuration'],
  ],
  async run(args) {
    const dryRun = args['dry-run']
    const { stateFile, api } = await settings(args)
    if (!dryRun && !args.force && (await isServed(api))) {
      throw new CliError(
        `a daemon runs here: ${urlOf(api, '/')} answers. Stop it first, or it recreates everything; --force if that is no daemon of this network namespace`,
      )
    }
    const { runCleanup } = await import('../cleanup.ts')
    let removed = 0
    let refusals = 0
    const lines: string[] = []
    try {
      for await (const { what, refused } of runCleanup({ stateFile, dryRun })) {
        if (refused === null) removed++
        else refusals++
        lines.push(
          refused === null ? `${dryRun ? 'would remove' : 'removed'} ${what}` : `kept ${what}: ${refused}`,
        )
      }
    } finally {
      // afterwards, since a closed output must not stop the cleanup half-way
      if (lines.length > 0) await print(lines.join('\n'))
    }
    const verb = dryRun ? 'to remove' : 'removed'
    await print(
      removed + refusals === 0
        ? 'nothing of chanter or bagpipe-bgp is here'
        : `${countText(removed, 'thing', 'things')} ${verb}, ${refusals} kept`,
    )
    if (refusals > 0) process.exitCode = 1
  },
})

interface CleanupSettings {
  readonly stateFile: string | null
  readonly api: Server
}

async function settings(args: { readonly 'state-file'?: string | undefined }): Promise<CleanupSettings> {
  const stateFile = args['state-file']
  if (stateFile !== undefined)
    return { stateFile: namedStateFile(stateFile), api: { host: API_HOST, port: API_PORT } }
  const { checkConfig, readOrigin } = await import('../config/load.ts')
  try {
    const { config, findings } = checkConfig(readOrigin(originOf(args)))
    if (config === null) throw new ConfigError(...messagesOf(findings, 'error'))
    return { stateFile: config.stateFile, api: serverOfConfig(config.api) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CliError(`${error.message.replaceAll('\n', '; ')}; or name the state file with --state-file`)
  }
}

/** As `state_file` in the configuration. */
function namedStateFile(path: string): string | null {
  try {
    return statePath.parse(path)
  } catch (error) {
    throw new CliError(`--state-file ${path}: ${(error as Error).message}`)
  }
}

function serverOfConfig({ host, port, socket }: Config['api']): Server {
  return { host: host ?? API_HOST, port, socket: host === null ? socket?.path : undefined }
}

/** Whether a process listens where the daemon would. */
async function isServed(server: Server): Promise<boolean> {
  try {
    await request(server, '/ping')
    return true
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return error.isSilent
  }
}
