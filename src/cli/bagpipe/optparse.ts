/** An option of a tool of bagpipe-bgp; `texts` may be given several times. */
export interface ToolOption {
  readonly kind: 'flag' | 'text' | 'texts' | 'integer'
  readonly short?: string
  readonly choices?: readonly string[]
  readonly describe: string
}

type ToolOptions = Readonly<Record<string, ToolOption>>

interface Values {
  readonly flag: boolean
  readonly text: string | undefined
  readonly texts: string[]
  readonly integer: number | undefined
}

export type ToolArgs<O extends ToolOptions> = { readonly [Name in keyof O]: Values[O[Name]['kind']] }

/** A tool of bagpipe-bgp under its own name, with its options and its exit codes. */
export interface Tool<O extends ToolOptions = ToolOptions> {
  readonly name: string
  readonly usage: string
  readonly options: O
  run(args: ToolArgs<O>, words: readonly string[]): Promise<void>
}

export const tool = <const O extends ToolOptions>(definition: Tool<O>): Tool => definition as unknown as Tool

/** A command line that the tool does not take; the exit code is 2. */
export class UsageError extends Error {}

const HELP: ToolOption = { kind: 'flag', short: 'h', describe: 'Show this help' }

/**
 * The options and other words of a command line, with the rules and messages of Python's optparse: options anywhere, `--name value` or
 * `--name=value`, and names as short as they are unique. Null where help is asked for. Throws UsageError.
 */
export function parseTool<O extends ToolOptions>(
  options: O,
  line: readonly string[],
): { readonly args: ToolArgs<O>; readonly words: readonly string[] } | null {
  const known: ToolOptions = { ...options, help: HELP }
  const values: Record<string, unknown> = {}
  for (const [name, { kind }] of Object.entries(options))
    values[name] = { flag: false, text: undefined, texts: [], integer: undefined }[kind]
  const words: string[] = []
  const rest = [...line]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') return { args: values as ToolArgs<O>, words: [...words, ...rest] }
    if (!word.startsWith('-') || word === '-') {
      words.push(word)
      continue
    }
    for (const [name, value] of word.startsWith('--') ? [long(known, word, rest)] : shorts(known, word)) {
      if (name === 'help') return null
      const before = values[name]
      values[name] = Array.isArray(before) ? [...before, value] : value
    }
  }
  return { args: values as ToolArgs<O>, words }
}

function long(known: ToolOptions, word: string, rest: string[]): readonly [string, unknown] {
  const [, typed = '', , given] = /^--([^=]*)(=(.*))?$/s.exec(word) ?? []
  const name = fullName(known, typed)
  const option = known[name] as ToolOption
  if (option.kind === 'flag') {
    if (given !== undefined) throw new UsageError(`--${name} option does not take a value`)
    return [name, true]
  }
  const text = given ?? rest.shift()
  if (text === undefined) throw new UsageError(`--${name} option requires 1 argument`)
  return [name, parseValue(name, option, text)]
}

/** Short options are flags, of which one word may have several. */
function shorts(known: ToolOptions, word: string): (readonly [string, unknown])[] {
  return [...word.slice(1)].map((letter) => {
    const found = Object.entries(known).find(([, { short }]) => short === letter)
    if (found === undefined) throw new UsageError(`no such option: -${letter}`)
    return [found[0], true]
  })
}

function fullName(known: ToolOptions, typed: string): string {
  if (Object.hasOwn(known, typed)) return typed
  const found = Object.keys(known).filter((name) => name.startsWith(typed))
  const [only] = found
  if (only === undefined) throw new UsageError(`no such option: --${typed}`)
  if (found.length === 1) return only
  const names = found.sort().map((name) => `--${name}`)
  throw new UsageError(`ambiguous option: --${typed} (${names.join(', ')}?)`)
}

function parseValue(name: string, { kind, choices }: ToolOption, text: string): unknown {
  if (choices !== undefined && !choices.includes(text)) {
    const allowed = choices.map((choice) => `'${choice}'`).join(', ')
    throw new UsageError(`option --${name}: invalid choice: '${text}' (choose from ${allowed})`)
  }
  if (kind !== 'integer') return text
  if (!/^-?(\d+|0x[\da-f]+)$/i.test(text))
    throw new UsageError(`option --${name}: invalid integer value: '${text}'`)
  return text.startsWith('-') ? -Number(text.slice(1)) : Number(text)
}

/** What `--help` prints. */
export function toolHelp({ usage, options }: Tool): string {
  const lines = Object.entries({ help: HELP, ...options }).map(
    ([name, { kind, short, describe }]): [string, string] => {
      const value = kind === 'flag' ? '' : `=${name.toUpperCase().replaceAll('-', '_')}`
      return [`${short === undefined ? '' : `-${short}, `}--${name}${value}`, describe]
    },
  )
  const width = Math.max(...lines.map(([left]) => left.length))
  const text = lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
  return `Usage: ${usage}\n\nOptions:\n${text}`
}
