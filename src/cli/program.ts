import yargs from 'yargs'
import { suggest } from '../config/suggest.ts'
import { VERSION } from '../version.ts'
import { attach } from './attach.ts'
import { cleanup } from './cleanup.ts'
import { CliError } from './command.ts'
import { config } from './config.ts'
import { daemon } from './daemon.ts'
import { decode } from './decode.ts'
import { demo } from './demo.ts'
import { detach } from './detach.ts'
import { explain } from './explain.ts'
import { lookingGlass } from './looking-glass.ts'
import { peer } from './peer.ts'
import { reflector } from './reflector.ts'
import { reload } from './reload.ts'
import { status } from './status.ts'

const COMMANDS = [
  daemon,
  reload,
  attach,
  detach,
  status,
  explain,
  peer,
  lookingGlass,
  decode,
  reflector,
  config,
  cleanup,
  demo,
]

/** Of commands with the names, options and exit codes of bagpipe-bgp's tools. */
const TOOL_PREFIX = 'bagpipe-'

/** Runs the command line `args`. Throws errors; a command with a negative result sets the exit code. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const [first = '', ...rest] = args
  if (first.startsWith(TOOL_PREFIX)) {
    const { runTool } = await import('./bagpipe/index.ts')
    if (await runTool(first, rest)) return
  }
  const names = COMMANDS.map(({ command }) => String(command).split(' ')[0] ?? '')
  let program = yargs([...args])
    .scriptName('chanter')
    .usage('chanter <command>\n\nBGP VPN daemon of a Linux compute node.')
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'parse-numbers': false,
    })
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((_message, error) => {
      throw error ?? new CliError(`${complaint(args[0], names)}; see chanter --help`)
    })
  for (const command of COMMANDS) program = program.command(command)
  await program.demandCommand(1).parseAsync()
}

function complaint(word: string | undefined, names: readonly string[]): string {
  if (word === undefined) return `which command? one of ${names.join(', ')}`
  const guess = suggest(word, names)
  return `unknown command or option ${word}${guess === undefined ? '' : ` (did you mean ${guess}?)`}`
}
