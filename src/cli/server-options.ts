import type { Options } from 'yargs'
import { API_HOST, API_PORT } from '../config/api-address.ts'

/** The options that name a daemon's REST API. */
export const serverOption = {
  type: 'string',
  default: API_HOST,
  requiresArg: true,
  describe: 'Address of the REST API',
} as const satisfies Options

export const portOption = {
  type: 'number',
  default: API_PORT,
  requiresArg: true,
  describe: 'Port of the REST API',
} as const satisfies Options
