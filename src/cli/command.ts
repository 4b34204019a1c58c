import type { Arguments, CommandModule, InferredOptionTypes, Options } from 'yargs'
import { suggest } from '../config/suggest.ts'

/** An error for the operator: one line, exit code 1. */
export class CliError extends Error {}

interface CommandDefinition<O extends Record<string, Options>> {
  /** Name and positional arguments in yargs' notation. */
  readonly usage: string
  readonly describe: string
  readonly options: O
  /** Command lines and their actions. */
  readonly examples: readonly (readonly [string, string])[]
  run(args: InferredOptionTypes<O> & { readonly [positional: string]: unknown }): Promise<void>
}

/** A subcommand; it also checks what yargs does not: misspelt options get a hint, single values come once, numbers are numbers. */
export function command<const O extends Record<string, Options>>(
  definition: CommandDefinition<O>,
): CommandModule {
  const [name = ''] = definition.usage.split(' ')
  const refuse = (message: string) =>
    new CliError(`${message.replace(/\s+/g, ' ').trim()}; see chanter ${name} --help`)
  return {
    command: definition.usage,
    describe: definition.describe,
    builder: (yargs) =>
      yargs
        .options(definition.options)
        .example(definition.examples.map(([line, effect]): [string, string] => [`chanter ${line}`, effect]))
        .middleware((args) => {
          const problem = problemWith(args, definition)
          if (problem !== undefined) throw refuse(problem)
        }, true)
        .fail((message, error) => {
          throw error === undefined || error.name === 'YError' ? refuse(message) : error
        }),
    handler: (args) => definition.run(args as InferredOptionTypes<O> & Record<string, unknown>),
  }
}

/** Arguments that yargs adds itself. */
const YARGS_OWN = ['_', '$0', 'help', 'h', 'version']

function problemWith(
  args: Arguments,
  { usage, options }: CommandDefinition<Record<string, Options>>,
): string | undefined {
  const known = new Map<string, Options>()
  for (const [name, option] of Object.entries(options)) {
    for (const spelling of [name, ...[option.alias ?? []].flat()]) known.set(spelling, option)
  }
  const expected = [...YARGS_OWN, ...[...usage.matchAll(/[[<](\w+)/g)].map((match) => match[1])]
  for (const [name, value] of Object.entries(args)) {
    const option = known.get(name)
    if (option === undefined && !expected.includes(name)) {
      const guess = suggest(name, known.keys())
      return `unknown option --${name}${guess === undefined ? '' : ` (did you mean --${guess}?)`}`
    }
    if (option && Array.isArray(value) && !option.array) return `--${name} is given more than once`
    if (Number.isNaN(value)) return `--${name} takes a number`
  }
  return undefined
}
