import { networkInterfaces } from 'node:os'
import type { Options } from 'yargs'
import { maskPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import { KeyFile } from '../config/key-file.ts'
import { createLog, plainLog } from '../log.ts'
import type { ReflectorConfig } from '../reflector.ts'
import { formatIp, type Ip, isIpv4, parseInterfaceAddress, parseIp } from '../values/address.ts'
import { CliError, command } from './command.ts'
import { untilSignal } from './until-signal.ts'

const text = { type: 'string', requiresArg: true } as const
const number = { type: 'number', requiresArg: true } as const
const texts = { ...text, array: true, nargs: 1, default: [] as string[] } as const

const options = {
  as: { ...number, default: 64512, describe: 'Autonomous system of the reflector and its clients' },
  client: {
    ...texts,
    defaultDescription: 'nobody',
    describe: 'Prefix or address whose connections are clients',
  },
  peer: { ...texts, defaultDescription: 'none', describe: 'Another reflector, to connect to' },
  'client-limit': { ...number, default: 1000, describe: 'Clients at most' },
  'router-id': { ...text, describe: 'BGP identifier', defaultDescription: 'an IPv4 address of this machine' },
  'cluster-id': { ...text, describe: 'Cluster (RFC 4456)', defaultDescription: 'the router id' },
  listen: { ...text, default: '0.0.0.0', describe: 'Address to listen on; `::` for IPv6 too' },
  port: { ...number, default: 179, describe: 'TCP port to listen on' },
  'hold-time': { ...number, default: 90, describe: 'Hold time in seconds that is proposed' },
  'md5-key-file': {
    ...text,
    describe: 'File with the key of TCP MD5 signatures',
    defaultDescription: 'none',
  },
  api: { ...text, describe: 'HOST:PORT of the looking glass', defaultDescription: 'none' },
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
    ['reflector --as 65000 --client 0.0.0.0/0 --api 127.0.0.1:8083', 'For everybody, with a looking glass'],
  ],
  async run(args) {
    if (args.client.length === 0)
      throw new CliError('who are the clients? --client PREFIX, e.g. --client 192.0.2.0/24')
    const identifier = address('--router-id', args['router-id'] ?? ownAddress())
    const config: ReflectorConfig = {
      as: integer('--as', args.as, 1, 0xffff_ffff),
      identifier: ipv4('--router-id', identifier),
      clusterId: ipv4(
        '--cluster-id',
        args['cluster-id'] === undefined ? identifier : address('--cluster-id', args['cluster-id']),
      ),
      listenAddress: address('--listen', args.listen),
      listenPort: integer('--port', args.port, 1, 0xffff),
      clients: args.client.map(prefix),
      clientLimit: integer('--client-limit', args['client-limit'], 1, 1_000_000),
      peers: args.peer.map((peer) => address('--peer', peer)),
      holdTimeSeconds: integer('--hold-time', args['hold-time'], 3, 0xffff),
      keyFiles: args['md5-key-file'] === undefined ? [] : [args['md5-key-file']],
      md5Key: args['md5-key-file'] === undefined ? null : readKey(args['md5-key-file']),
      api: args.api === undefined ? null : endpoint(args.api),
    }
    const { runReflector } = await import('../reflector.ts')
    const logs = createLog(plainLog(args.debug, args['log-file'] ?? null))
    await untilSignal(logs, () => runReflector(config, logs))
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

function endpoint(value: string): { host: string; port: number } {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(value) ?? []
  if (parseIp(host) === undefined) throw new CliError(`--api ${value} is not of the form 127.0.0.1:8082`)
  return { host, port: integer('--api', Number(port), 1, 0xffff) }
}

function readKey(file: string): string {
  try {
    return new KeyFile(file).key
  } catch (error) {
    throw new CliError(`--md5-key-file: ${(error as Error).message}`)
  }
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((infos) => infos ?? [])
  const own = all.find(({ family, internal }) => family === 'IPv4' && !internal)
  if (own === undefined) throw new CliError('this machine has no IPv4 address of its own: name a --router-id')
  return own.address
}
