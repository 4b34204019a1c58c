import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { remedyFor } from '../values/path-reason.ts'
import { readEnvironment, readOsloEnvironment } from './environment.ts'
import { ConfigError } from './finding.ts'
import { type ConfigText, joinTexts, parseIni, textOf } from './ini.ts'
import { NoRegularFile, readRegularFile } from './regular-file.ts'

export const DEFAULT_FILE = '/etc/bagpipe-bgp/bgp.conf'

/** A file, or a directory whose `*.conf` are read in the order of their names. */
export interface ConfigSource {
  readonly kind: 'file' | 'directory'
  readonly path: string
}

/**
 * The text of `sources` in order; before it that of `defaultFile` when no file is named, and of the directory of bagpipe-bgp that belongs
 * to it when no directory is named; last the environment. Throws ConfigError where a file cannot be read.
 */
export function readSources(
  sources: readonly ConfigSource[],
  defaultFile = DEFAULT_FILE,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ConfigText {
  const isNamed = (wanted: ConfigSource['kind']) => sources.some(({ kind }) => kind === wanted)
  const directory = isNamed('directory') ? undefined : defaultDirectory(defaultFile)
  const all: readonly ConfigSource[] =
    directory === undefined ? sources : [{ kind: 'directory', path: directory }, ...sources]
  const files = all.map(({ kind, path }) => (kind === 'file' ? readFile(path) : readDirectory(path)))
  const variables = [...readOsloEnvironment(environment), ...readEnvironment(environment)]
  const read = joinTexts([...files, textOf(variables)])
  if (isNamed('file')) return read
  try {
    return joinTexts([parse(defaultFile), read])
  } catch (error) {
    if ((all.length > 0 || variables.length > 0) && code(error) === 'ENOENT') return read
    throw unreadable(
      error,
      `no configuration: ${defaultFile}`,
      'write it ([BGP] local_address and my_as are enough to start), name another file with --config-file, or set CHANTER_LOCAL_ADDRESS and CHANTER_MY_AS',
    )
  }
}

function parse(path: string): ConfigText {
  return parseIni(readRegularFile(path).toString(), path)
}

/** Where oslo.config looks for bagpipe-bgp's directory by default: the first that is there counts. */
function defaultDirectory(defaultFile: string): string | undefined {
  const own = dirname(defaultFile)
  return [join(own, 'bagpipe-bgp.conf.d'), join(dirname(own), 'bagpipe-bgp.conf.d')].find(existsSync)
}

function readFile(path: string): ConfigText {
  try {
    return parse(path)
  } catch (error) {
    throw unreadable(error, `configuration file ${path}`, 'check its path')
  }
}

function readDirectory(path: string): ConfigText {
  try {
    const names = readdirSync(path).filter((name) => name.endsWith('.conf'))
    return joinTexts(names.sort().map((name) => readFile(join(path, name))))
  } catch (error) {
    throw unreadable(error, `configuration directory ${path}`, 'check its path')
  }
}

function unreadable(error: unknown, what: string, advice: string): unknown {
  if (error instanceof NoRegularFile) return new ConfigError(`${what} is no regular file: ${advice}`)
  if (error instanceof ConfigError || code(error) === undefined) return error
  const why = code(error) === 'ENOENT' ? 'does not exist' : `cannot be read (${code(error)})`
  return new ConfigError(`${what} ${why}: ${remedyFor(code(error)) ?? advice}`)
}

function code(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
