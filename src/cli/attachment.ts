import { Address4, Address6 } from 'ip-address'
import type { InferredOptionTypes, Options } from 'yargs'
import type { AttachBody } from '../api/attachment.ts'
import { complaint, request } from '../client.ts'
import { CliError } from './command.ts'
import { print } from './print.ts'
import { portOption, serverOf, serverOptions } from './server-options.ts'

const text = { type: 'string', requiresArg: true } as const
const number = { type: 'number', requiresArg: true } as const
/** May be repeated, with one value each time. */
const texts = {
  type: 'string',
  array: true,
  nargs: 1,
  default: [] as string[],
  defaultDescription: 'none',
} as const

/** The options of `attach` and `detach`: bagpipe-rest-attach's, and further parameters of the requests. */
export const attachmentOptions = {
  'vpn-type': {
    ...text,
    alias: 'network-type',
    choices: ['evpn', 'ipvpn'],
    demandOption: true,
    describe: 'Kind of VPN',
  },
  'vpn-instance-id': { ...text, describe: 'VPN instance', defaultDescription: '(evpn|ipvpn)-bagpipe-test' },
  port: {
    ...text,
    demandOption: true,
    describe: 'Interface to attach; `evpn:ID` joins an EVPN instance to an IP VPN (IRB)',
  },
  mac: { ...text, describe: 'MAC address of the endpoint (for evpn)' },
  ip: { ...text, describe: 'IP address of the endpoint; prefix length 24 (IPv6: 64) when not given' },
  'gateway-ip': { ...text, describe: 'Gateway of the subnet', defaultDescription: 'its last address' },
  rt: {
    ...texts,
    describe: 'Route target to import and export',
    defaultDescription: 'evpn 64512:513, ipvpn 64512:512',
  },
  'import-rt': { ...texts, describe: 'Route target to import only' },
  'export-rt': { ...texts, describe: 'Route target to export only' },
  vni: {
    ...number,
    default: 0,
    defaultDescription: 'the daemon chooses',
    describe: 'VXLAN network identifier',
  },
  'local-pref': { ...number, describe: 'LOCAL_PREF of the routes' },
  linuxbr: { ...text, describe: 'Linux bridge to use, made where it is missing (evpn)' },
  direction: {
    ...text,
    choices: ['both', 'to-port', 'from-port'],
    default: 'both',
    describe: 'Traffic to carry',
  },
  description: { ...text, describe: 'Shown in the looking glass' },
  'advertise-subnet': {
    type: 'boolean',
    default: false,
    describe: 'Advertise the subnet, not the address (ipvpn)',
  },
  'lb-consistent-hash-order': {
    ...number,
    default: 0,
    describe: 'Order among load-balanced endpoints (ipvpn)',
  },
  'readv-from-rt': { ...texts, describe: 'Re-advertise the routes of this route target (ipvpn)' },
  'readv-to-rt': { ...texts, describe: 'Route target of the re-advertised routes' },
  'redirect-rts': {
    ...texts,
    describe: 'Attract classified traffic of VRFs that import this route target (ipvpn)',
  },
  'source-prefix': { ...text, describe: 'Classifier: source' },
  'destination-prefix': { ...text, describe: 'Classifier: destination' },
  'source-port': { ...text, describe: 'Classifier: source port or range' },
  'destination-port': { ...text, describe: 'Classifier: destination port or range' },
  protocol: { ...text, describe: 'Classifier: IP protocol' },
  'attract-to-rt': { ...texts, describe: 'Route target of the static prefixes' },
  'static-destination-prefix': { ...texts, describe: 'Prefix to advertise to attract traffic' },
  ...serverOptions,
  'api-port': portOption,
  json: { type: 'boolean', default: false, describe: 'Print the request instead of sending it' },
} as const satisfies Record<string, Options>

export type AttachmentArgs = InferredOptionTypes<typeof attachmentOptions>

/** Those of the request itself. */
export type RequestArgs = Omit<AttachmentArgs, keyof typeof serverOptions | 'api-port' | 'json'>

/** bagpipe-rest-attach's default MAC address for IPVPN endpoints. */
export const ANY_MAC = '52:54:00:99:99:22'
const DEFAULT_RT = { evpn: '64512:513', ipvpn: '64512:512' }

/** The body of an attach or detach request, the one that bagpipe-rest-attach sends for these options. */
export function attachmentRequest(args: RequestArgs): AttachBody {
  const type = args['vpn-type']
  if (type === 'evpn' && args.mac === undefined) throw new CliError('an evpn endpoint needs --mac')
  if (type === 'ipvpn' && args.ip === undefined) throw new CliError('an ipvpn endpoint needs --ip')
  const only = [...args['import-rt'], ...args['export-rt']]
  const both = args.rt.length === 0 && only.length === 0 ? [DEFAULT_RT[type]] : args.rt
  const subnet = args.ip === undefined ? undefined : withPrefixLength(args.ip)
  return {
    import_rt: [...both, ...args['import-rt']],
    export_rt: [...both, ...args['export-rt']],
    local_port: args.port.startsWith('evpn:') ? { evpn: { id: args.port.slice(5) } } : { linuxif: args.port },
    vpn_instance_id: args['vpn-instance-id'] ?? `${type}-bagpipe-test`,
    vpn_type: type,
    gateway_ip: args['gateway-ip'] ?? (subnet && lastAddress(subnet)),
    mac_address: args.mac ?? ANY_MAC,
    ip_address: subnet,
    advertise_subnet: args['advertise-subnet'],
    readvertise:
      args['readv-to-rt'].length > 0 ? { from_rt: args['readv-from-rt'], to_rt: args['readv-to-rt'] } : null,
    attract_traffic: attraction(args),
    lb_consistent_hash_order: args['lb-consistent-hash-order'],
    vni: args.vni,
    local_pref: args['local-pref'],
    direction: args.direction,
    linuxbr: args.linuxbr,
    description: args.description,
  }
}

/** Sends the request, or prints it; a refusal by the daemon becomes a CliError. */
export async function send(
  path: '/attach_localport' | '/detach_localport',
  args: AttachmentArgs,
): Promise<void> {
  const body = attachmentRequest(args)
  if (args.json) {
    await print(JSON.stringify(body, null, 2))
    return
  }
  const answer = await request(serverOf(args, args['api-port']), path, body)
  if (answer.status !== 200) throw new CliError(complaint(answer))
  await print(`${answer.status} ${answer.body}`)
}

function attraction(args: RequestArgs) {
  const classifier = {
    sourcePrefix: args['source-prefix'],
    destinationPrefix: args['destination-prefix'],
    sourcePort: args['source-port'],
    destinationPort: args['destination-port'],
    protocol: args.protocol,
  }
  const redirect = args['redirect-rts']
  const prefixes = args['static-destination-prefix']
  if (redirect.length === 0) return {}
  if (Object.values(classifier).every((part) => part === undefined)) {
    throw new CliError(
      '--redirect-rts needs a classifier: --source-prefix, --destination-port, --protocol, ...',
    )
  }
  if (args['attract-to-rt'].length !== 0 && prefixes.length === 0) {
    throw new CliError('--attract-to-rt needs --static-destination-prefix')
  }
  const advertised = { to_rt: args['attract-to-rt'], static_destination_prefixes: prefixes }
  return { redirect_rts: redirect, classifier, ...(prefixes.length > 0 ? advertised : {}) }
}

/** The address with a prefix length, 24 (IPv6: 64) where it has none. */
export function withPrefixLength(ip: string): string {
  if (ip.includes('/')) return ip
  return `${ip}/${ip.includes(':') ? 64 : 24}`
}

/** The last address of a subnet that a host can have; undefined when there is no room for a gateway. */
export function lastAddress(subnet: string): string | undefined {
  if (Address4.isValid(subnet)) {
    const parsed = new Address4(subnet)
    return parsed.subnetMask > 30 ? undefined : parsed.endAddressExclusive().address
  }
  if (Address6.isValid(subnet)) {
    const parsed = new Address6(subnet)
    return parsed.subnetMask > 126 ? undefined : parsed.endAddressExclusive().correctForm()
  }
  throw new CliError(`--ip ${subnet} is not an IP address`)
}
