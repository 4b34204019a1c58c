import { parseArgs } from 'node:util'
import type { Options } from 'yargs'
import { type ConfigSource, DEFAULT_FILE } from '../config/sources.ts'

export const path = { type: 'string', requiresArg: true } as const

/** The options that select the configuration. */
export const configOptions = {
  'config-file': {
    ...path,
    array: true,
    nargs: 1,
    describe: 'Configuration file; the later of several wins',
    defaultDescription: DEFAULT_FILE,
  },
  'config-dir': {
    ...path,
    array: true,
    nargs: 1,
    describe: 'Directory whose *.conf are read in the order of their names',
  },
} as const satisfies Record<string, Options>

/** --config-file and --config-dir in the given order, in which later ones win. */
export function sources(args: string[]): ConfigSource[] {
  const named = { type: 'string', multiple: true } as const
  const { tokens } = parseArgs({
    args,
    strict: false,
    tokens: true,
    options: { 'config-file': named, 'config-dir': named },
  })
  return tokens.flatMap((token): ConfigSource[] => {
    if (token.kind !== 'option' || token.value === undefined) return []
    if (token.name === 'config-file') return [{ kind: 'file', path: token.value }]
    return token.name === 'config-dir' ? [{ kind: 'directory', path: token.value }] : []
  })
}
