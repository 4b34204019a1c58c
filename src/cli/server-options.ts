import { readFileSync } from 'node:fs'
import type { InferredOptionTypes, Options } from 'yargs'
import { type Server, withoutBrackets } from '../client.ts'
import { API_HOST, API_PORT } from '../config/api-address.ts'
import { pathReason } from '../values/path-reason.ts'
import { CliError } from './command.ts'

/** An option of the daemon in the same environment; undefined for none. */
function ofDaemon(option: 'HOST' | 'PORT' | 'SOCKET' | 'TOKEN_FILE'): string | undefined {
  const value = process.env[`CHANTER_API__${option}`] ?? process.env[`OS_API__${option}`]
  return value === '' || value === 'none' ? undefined : value
}

const [host, socket, tokenFile] = [ofDaemon('HOST'), ofDaemon('SOCKET'), ofDaemon('TOKEN_FILE')]
const port = Number(ofDaemon('PORT'))

const file = { type: 'string', requiresArg: true } as const

/** The options that select a daemon's REST API; by default that of the daemon in the same environment, such as a container. */
export const serverOptions = {
  server: {
    type: 'string',
    default: socket === undefined ? (host ?? API_HOST) : `unix:${socket}`,
    requiresArg: true,
    describe:
      'HOST or HOST:PORT of the REST API ([ADDRESS]:PORT of IPv6); `unix:PATH` for a Unix socket, `https://HOST[:PORT]` for TLS',
  },
  'token-file': {
    ...file,
    default: tokenFile,
    describe: 'File with the token to present ([API] token_file)',
  },
  'tls-ca-file': {
    ...file,
    describe: 'CAs of its certificate (PEM)',
    defaultDescription: 'those of the system',
  },
  'tls-cert-file': { ...file, describe: 'Client certificate to present (PEM)' },
  'tls-key-file': { ...file, describe: 'Its key (PEM)' },
} as const satisfies Record<string, Options>

export const jsonOption = {
  type: 'boolean',
  default: false,
  describe: 'Print JSON',
} as const satisfies Options

export const portOption = {
  type: 'number',
  // what is wrong with another text, `chanter config check` lists
  default: Number.isInteger(port) ? port : API_PORT,
  requiresArg: true,
  describe: 'Port of the REST API',
} as const satisfies Options

type ServerArgs = InferredOptionTypes<typeof serverOptions>

/** The API that the options of a command line select. */
export function serverOf(args: ServerArgs, port: number): Server {
  const [, socket] = /^unix:(.+)$/.exec(args.server) ?? []
  const [, scheme, host = args.server, own] =
    /^(?:(https?):\/\/)?(\[[^\]]+\]|[^/:]+)(?::(\d+))?\/*$/.exec(args.server) ?? []
  const isTls = scheme === 'https'
  const certificates = ['tls-ca-file', 'tls-cert-file', 'tls-key-file'] as const
  if (!isTls && certificates.some((option) => args[option] !== undefined))
    throw new CliError('certificates are for --server https://HOST')
  const [ca, cert, key] = certificates.map((option) => read(option, args[option]))
  return {
    host: withoutBrackets(host),
    port: checkedPort(own === undefined ? port : Number(own)),
    socket,
    token: read('token-file', args['token-file'])?.trim(),
    tls: isTls ? { ca, cert, key } : undefined,
  }
}

function checkedPort(port: number): number {
  if (Number.isInteger(port) && port > 0 && port <= 0xffff) return port
  throw new CliError(`${port} is no port: expected an integer from 1 to 65535`)
}

/** The content of the file that an option names; undefined without the option. */
function read(option: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliError(`--${option} ${path}: ${pathReason(error)}`)
  }
}
