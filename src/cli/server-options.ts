import type { Options } from 'yargs'
import { API_HOST, API_PORT } from '../config/api-address.ts'

const { CHANTER_API__HOST: host, CHANTER_API__PORT: port } = process.env

/** The options that select a daemon's REST API; by default that of the daemon in the same environment, such as a container. */
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
