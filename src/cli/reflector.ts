import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { Options } from 'yargs'
import { BGP_PORT } from '../bgp/constants.ts'
import { maskPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import { PEER_DEFAULTS } from '../bgp/session/peer-config.ts'
import type { KeyFile } from '../config/key-file.ts'
import { keyFile, tokenFile } from '../config/types.ts'
import { createLog, plainLog } from '../log.ts'
import { canConnect, type ReflectorConfig } from '../reflector/config.ts'
import {
  ANY_IPV4,
  ANY_IPV6,
  formatIp,
  type Ip,
  isIpv4,
  isLoopback,
  parseInterfaceAddress,
  parseIp,
} from '../values/address.ts'
import { CliError, command } from './command.ts'
import { untilSignal } from './until-signal.ts'

const text = { type: 'string', requiresArg: true } as const
const number = { type: 'number', requiresArg: true } as const
const texts = { ...text, array: true, nargs: 1, default: [] as string[] } as const

const options = {
  as: { ...number, default: 64512, describe: 'Autonomous system of the reflector and its clients' },
  client: {
    ...texts,
    defaultDescription: 'none',
    describe: 'Prefix or address whose connections are clients',
  },
  peer: { ...texts, defaultDescription: 'none', describe: 'Another reflector, to connect to' },
  'client-limit': { ...number, default: 1000, describe: 'Clients at most' },
  'router-id': { ...text, describe: 'BGP identifier', defaultDescription: 'an IPv4 address of this machine' },
  'cluster-id': { ...text, describe: 'Cluster (RFC 4456)', defaultDescription: 'the router id' },
  listen: {
    ...text,
    describe: 'Address to listen on; `::` for IPv4 and IPv6',
    defaultDescription: '0.0.0.0, with IPv6 clients ::',
  },
  port: { ...number, default: BGP_PORT, describe: 'TCP port to listen on' },
  'hold-time': {
    ...number,
    default: PEER_DEFAULTS.holdTimeSeconds,
    describe: 'Hold time in seconds that is proposed',
  },
  'md5-key-file': {
    ...text,
    describe: 'File with the key of TCP MD5 signatures',
    defaultDescription: 'none',
  },
  api: { ...text, describe: 'HOST:PORT of the looking glass', defaultDescription: 'none' },
  'api-token-file': {
    ...text,
    describe: 'File with the token that clients of the looking glass present',
    defaultDescription: 'none',
  },
  'api-unprotected': {
    type: 'boolean',
    default: false,
    describe: 'Let anyone who reaches the looking glass disable and reset peers',
  },
  debug: { type: 'boolean', default: false, describe: 'Log more' },
  'log-file': {
    ...text,
    describe: 'File that the log is appended to',
    defaultDescription: 'standard output',
  },
} as const satisfies Record<string, Options>

export const reflector = command({
  usage: 'reflector',
  describe: 'Run a small route reflector in the foreground',
  options,
  examples: [
    ['reflector --client 192.0.2.0/24', 'Reflect for a network of nodes in AS 64512'],
    ['reflector --as 65000 --client 0.0.0.0/0 --api 127.0.0.1:8083', 'For any client, with a looking glass'],
  ],
  async run(args) {
    if (args.client.length === 0)
      throw new CliError('who are the clients? --client PREFIX, e.g. --client 192.0.2.0/24')
    const identifier = address('--router-id', args['router-id'] ?? ownAddress())
    const api = args.api === undefined ? null : endpoint(args.api)
    if (api !== null && !isLoopback(api.host) && !args['api-token-file'] && !args['api-unprotected'])
      throw new CliError(
        `--api ${args.api}: anyone who reaches this address could disable the peers. Give a loopback address such as 127.0.0.1:${api.port}, or --api-token-file; --api-unprotected allows it to anyone`,
      )
    const readSecrets = () => ({
      md5: readSecret('--md5-key-file', args['md5-key-file'], keyFile.parse),
      token: readSecret('--api-token-file', args['api-token-file'], tokenFile.parse),
    })
    readSecrets()
    const clients = args.client.map(prefix)
    const config: ReflectorConfig = {
      as: integer('--as', args.as, 1, 0xffff_ffff),
      identifier: ipv4('--router-id', identifier),
      clusterId: ipv4(
        '--cluster-id',
        args['cluster-id'] === undefined ? identifier : address('--cluster-id', args['cluster-id']),
      ),
      listenAddress: listenAddress(args.listen, clients),
      listenPort: integer('--port', args.port, 1, 0xffff),
      clients,
      clientLimit: integer('--client-limit', args['client-limit'], 1, 1_000_000),
      peers: args.peer.map((peer) => address('--peer', peer)),
      holdTimeSeconds: integer('--hold-time', args['hold-time'], 3, 0xffff),
      api: api === null ? null : { ...api, unprotected: args['api-unprotected'] },
    }
    const { runReflector } = await import('../reflector.ts')
    const logs = createLog(plainLog(args.debug, args['log-file'] ?? null))
    await untilSignal(logs, () => runReflector(config, logs, readSecrets))
  },
})

function integer(option: string, value: number, from: number, to: number): number {
  if (!Number.isInteger(value) || value < from || value > to)
    throw new CliError(`${option} takes a number from ${from} to ${to}`)
  return value
}

function address(option: string, value: string): Ip {
  const ip = parseIp(value)
  if (ip === undefined) throw new CliError(`${option} ${value} is not an IP address`)
  return ip
}

function ipv4(option: string, ip: Ip): Ip {
  if (!isIpv4(ip)) throw new CliError(`${option} ${formatIp(ip)} is not an IPv4 address`)
  return ip
}

function prefix(value: string): Prefix {
  const parsed = parseInterfaceAddress(value)
  if (parsed === undefined) throw new CliError(`--client ${value} is not a prefix such as 192.0.2.0/24`)
  return { ip: maskPrefix(parsed.ip, parsed.prefixLength), length: parsed.prefixLength }
}

/** Throws where no client could connect to it. */
export function listenAddress(
  given: string | undefined,
  clients: readonly Prefix[],
  hasIpv6 = existsSync('/proc/net/if_inet6'),
): Ip {
  if (given === undefined) return hasIpv6 && clients.some(({ ip }) => !isIpv4(ip)) ? ANY_IPV6 : ANY_IPV4
  const listen = address('--listen', given)
  if (!clients.some((client) => canConnect(client, listen)))
    throw new CliError(`no --client can connect to ${formatIp(listen)}: --listen :: takes IPv4 and IPv6`)
  return listen
}

function endpoint(value: string): { host: string; port: number } {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(value) ?? []
  if (parseIp(host) === undefined) throw new CliError(`--api ${value} is not of the form 127.0.0.1:8082`)
  return { host, port: integer('--api', Number(port), 1, 0xffff) }
}

function readSecret(
  option: string,
  path: string | undefined,
  parse: (path: string) => KeyFile,
): KeyFile | null {
  if (path === undefined) return null
  try {
    return parse(path)
  } catch (error) {
    throw new CliError(`${option}: ${(error as Error).message}`)
  }
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((infos) => infos ?? [])
  const own = all.find(({ family, internal }) => family === 'IPv4' && !internal)
  if (own === undefined) throw new CliError('this machine has no IPv4 address of its own: name a --router-id')
  return own.address
}
