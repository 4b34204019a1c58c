import { readFileSync } from 'node:fs'
import { API_PORT } from '../../config/api-address.ts'
import { parseIni } from '../../config/ini.ts'
import { DEFAULT_FILE } from '../../config/sources.ts'

export const PORT_OPTION = { kind: 'integer', describe: 'Port of the REST API' } as const
export const PREFIX_OPTION = {
  kind: 'text',
  describe: 'First words of paths, looking-glass by default',
} as const

/** The port of the REST API in this environment, or in the configuration file, which need not be there. */
export function apiPort(): number {
  return Number(process.env['CHANTER_API__PORT'] ?? configured('port') ?? API_PORT)
}

function configured(name: string): string | undefined {
  let text: string
  try {
    text = readFileSync(DEFAULT_FILE, 'utf8')
  } catch {
    return undefined
  }
  const named = (option: string) => option === name || option === `api_${name}`
  return parseIni(text, DEFAULT_FILE).assignments.findLast(
    ({ section, option }) => section === 'API' && named(option),
  )?.value
}

/** The path of a looking-glass object, as the tools of bagpipe-bgp write it. */
export function glassPath(prefix: string, words: readonly string[]): string {
  return `/${prefix}/${words.map(encodeURIComponent).join('/')}`
}
