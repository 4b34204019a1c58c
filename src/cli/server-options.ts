import type { Options } from 'yargs'
import { API_HOST, API_PORT } from '../config/api-address.ts'

const { CHANTER_API__HOST: host, CHANTER_API__PORT: port } = process.env

/** The options that name a daemon's REST API; by default where the daemon of the same environment, as in a container, has it. */
export const serverOption = {
  type: 'string',
  default: host ?? API_HOST,
  requiresArg: true,
  describe: 'Address of the REST API',
} as const satisfies Options

export const portOption = {
  type: 'number',
  default: Number(port ?? API_PORT),
  requiresArg: true,
  describe: 'Port of the REST API',
} as const satisfies Options
