import { API_PORT } from '../../config/api-address.ts'
import { ConfigError } from '../../config/finding.ts'
import { DEFAULT_FILE, readSources } from '../../config/sources.ts'

export const PORT_OPTION = { kind: 'integer', describe: 'Port of the REST API' } as const
export const PREFIX_OPTION = {
  kind: 'text',
  describe: 'First words of paths, looking-glass by default',
} as const

/** The port of the REST API that the configuration has, as far as it can be read; the default one without it. */
export async function apiPort(defaultFile = DEFAULT_FILE): Promise<number> {
  const { checkConfig } = await import('../../config/load.ts')
  try {
    const { settings } = checkConfig(readSources([], defaultFile))
    const port = settings.find(({ section, option }) => section === 'API' && option === 'port')
    return Number(port?.value ?? API_PORT)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return API_PORT
  }
}

/** The path of a looking-glass object, as the tools of bagpipe-bgp write it. */
export function glassPath(prefix: string, words: readonly string[]): string {
  return `/${prefix}/${words.map(encodeURIComponent).join('/')}`
}
