import { STATUS_CODES } from 'node:http'
import { request } from '../../client.ts'
import { API_HOST } from '../../config/api-address.ts'
import { run } from '../../lab/command.ts'
import { ANY_MAC, attachmentRequest, lastAddress, withPrefixLength } from '../attachment.ts'
import { CliError } from '../command.ts'
import { print } from '../print.ts'
import { apiPort } from './api.ts'
import { macInside, makeNetnsPort, tried } from './netns-port.ts'
import { type ToolArgs, tool, UsageError } from './optparse.ts'
import { pythonBytes, pythonJson } from './python.ts'

const NAME = 'bagpipe-rest-attach'
/** Of the name of a Linux interface. */
const MAX_NAME_OCTETS = 15

const DIRECTIONS = ['to-port', 'from-port', 'both'] as const

const text = (describe: string) => ({ kind: 'text', describe }) as const
const texts = (describe: string) => ({ kind: 'texts', describe: `${describe}; may be repeated` }) as const

const options = {
  attach: { kind: 'flag', describe: 'Attach a local port' },
  detach: { kind: 'flag', describe: 'Detach a local port' },
  'network-type': { kind: 'text', choices: ['ipvpn', 'evpn'], describe: 'Kind of VPN: ipvpn or evpn' },
  'vpn-instance-id': text('VPN instance, (evpn|ipvpn)-bagpipe-test by default'),
  port: text('Interface; evpn:ID for an EVPN instance; netns[:NAME] to make one that leads into a namespace'),
  direction: {
    kind: 'text',
    choices: DIRECTIONS,
    describe: 'Traffic to carry, both by default',
  },
  rt: texts('Route target to import and export; 64512:512 (ipvpn) or 64512:513 (evpn) when none is given'),
  'import-rt': texts('Route target to import only'),
  'export-rt': texts('Route target to export only'),
  ip: text('IP address; prefix length 24 (IPv6: 64) when not given'),
  'gateway-ip': text('Gateway of the subnet, its last address by default'),
  mac: text('MAC address; needed for evpn where the port is not netns'),
  'advertise-singleton': { kind: 'flag', describe: 'Advertise the address alone; the default' },
  'advertise-subnet': { kind: 'flag', describe: 'Advertise the subnet' },
  'ovs-preplug': { kind: 'flag', describe: 'Put the port into an Open vSwitch bridge first' },
  'ovs-bridge': text('That bridge, br-int by default'),
  'ovs-vlan': { kind: 'integer', describe: 'The VLAN of the port to attach' },
  netns: text('Network namespace of --port netns; by default it has the name of the VPN instance'),
  if2vpn: text('Interface to the VPN in that namespace, tovpn by default'),
  'readv-from-rt': texts('Re-advertise the routes of this route target'),
  'readv-to-rt': texts('Route target of the re-advertised routes'),
  'redirect-rts': texts('Attract classified traffic of VRFs that import this route target'),
  'source-prefix': text('Classifier: source'),
  'destination-prefix': text('Classifier: destination'),
  'source-port': text('Classifier: source port or range'),
  'destination-port': text('Classifier: destination port or range'),
  protocol: text('Classifier: IP protocol'),
  'attract-to-rt': texts('Route target of the static prefixes'),
  'static-destination-prefix': texts('Prefix to advertise to attract traffic'),
  'lb-consistent-hash-order': { kind: 'integer', describe: 'Order among load-balanced endpoints' },
  vni: { kind: 'integer', describe: 'VXLAN network identifier' },
  'local-pref': { kind: 'integer', describe: 'LOCAL_PREF of the routes' },
} as const

type Args = ToolArgs<typeof options>

/** An attachment as the options name it. */
interface RequestedAttachment {
  readonly type: 'evpn' | 'ipvpn'
  readonly id: string
  readonly ip: string
  readonly gateway: string | null
}

interface AttachedPort {
  readonly name: string
  readonly mac: string | undefined
}

/** bagpipe-rest-attach: asks the daemon of this node for an attach or a detach. */
export const restAttach = tool({
  name: NAME,
  usage: `${NAME} [--attach|--detach] --network-type (ipvpn|evpn) --port (<port>|netns) --ip <ip>[/<mask>] [options] (see --help)`,
  options,
  async run(args) {
    const [operation, name, asked] = needed(args)
    if (args['gateway-ip'] === undefined) await print(`using ${asked.gateway} as gateway address`)
    const port = name.startsWith('netns')
      ? await netnsPort(name, operation, asked, args)
      : { name, mac: args.mac }
    const localPort = await localPortOf(port.name, asked.type, args)
    checkEndpoint(port, asked.type, args)
    const body = requestBody(asked, port, args)
    await send(operation, { ...body, local_port: localPort })
  },
})

/** Throws where a needed option is missing. */
function needed(args: Args): readonly [operation: 'attach' | 'detach', port: string, RequestedAttachment] {
  const { port, 'network-type': type } = args
  if (!args.attach && !args.detach) throw new UsageError('Need to specify --attach or --detach')
  if (!port) throw new UsageError('Need to specify --port <localport>')
  if (type !== 'evpn' && type !== 'ipvpn') throw new UsageError('Need to specify --network-type')
  if (!args.ip) throw new UsageError('Need to specify --ip')
  const ip = withPrefixLength(args.ip)
  const gateway = args['gateway-ip'] ?? lastAddress(ip) ?? null
  const id = args['vpn-instance-id'] ?? `${type}-bagpipe-test`
  return [args.attach ? 'attach' : 'detach', port, { type, id, ip, gateway }]
}

/** The port `netns` or `netns:NAME`, made for an attach. */
async function netnsPort(
  name: string,
  operation: string,
  { id, ip, gateway }: RequestedAttachment,
  args: Args,
): Promise<AttachedPort> {
  const netns = args.netns ?? id
  const inside = args.if2vpn ?? 'tovpn'
  const [, named, ...more] = name.split(':')
  const port = named === undefined || more.length > 0 ? `ns-${netns}`.slice(0, MAX_NAME_OCTETS) : named
  const vlan = args['ovs-vlan']
  if (operation === 'attach') await makeNetnsPort({ netns, port, inside, mac: args.mac, ip, gateway, vlan })
  const mac = args.mac ?? (await macInside(netns, inside))
  await print(`Local port: ${port} (${mac})`)
  await run('ip', 'link', 'show', port)
  return { name: port, mac }
}

async function localPortOf(port: string, type: RequestedAttachment['type'], args: Args): Promise<object> {
  if (port.startsWith('evpn:')) {
    if (type === 'evpn') throw new CliError('Can only plug an evpn into an ipvpn')
    await print(`will plug evpn ${port.slice(5)} into the IPVPN`)
    return { evpn: { id: port.slice(5) } }
  }
  if (!args['ovs-preplug'] || type === 'evpn') return { linuxif: port }
  const bridge = args['ovs-bridge'] ?? 'br-int'
  await print(`pre-plugging ${port} into ${bridge}`)
  await tried('ovs-vsctl', 'del-port', bridge, port)
  await run('ovs-vsctl', 'add-port', bridge, port)
  return { linuxif: port, ovs: { port_name: port, plugged: true, vlan: args['ovs-vlan'] } }
}

function checkEndpoint({ mac }: AttachedPort, type: RequestedAttachment['type'], args: Args): void {
  if (mac === undefined && type === 'evpn')
    throw new UsageError("Need to specify --mac for an EVPN network attachment if port is not 'netns'")
  if (args['redirect-rts'].length === 0) return
  const classifiers = [
    'source-prefix',
    'destination-prefix',
    'source-port',
    'destination-port',
    'protocol',
  ] as const
  if (classifiers.every((name) => args[name] === undefined))
    throw new UsageError('Need to specify --redirect-rt and at least one traffic classifier option')
  if (args['attract-to-rt'].length > 0 && args['static-destination-prefix'].length === 0)
    throw new UsageError('Need to specify --attract-to-rt and at least one static destination prefix option')
}

function requestBody(
  { type, id, ip, gateway }: RequestedAttachment,
  { name, mac }: AttachedPort,
  args: Args,
): object {
  return attachmentRequest({
    ...args,
    'vpn-type': type,
    'vpn-instance-id': id,
    ip,
    port: name,
    mac: mac ?? ANY_MAC,
    'gateway-ip': gateway ?? undefined,
    vni: args.vni ?? 0,
    'lb-consistent-hash-order': args['lb-consistent-hash-order'] ?? 0,
    direction: DIRECTIONS.find((one) => one === args.direction) ?? 'both',
    linuxbr: undefined,
    description: undefined,
  })
}

async function send(operation: string, body: object): Promise<void> {
  const host = process.env['CHANTER_API__HOST'] ?? process.env['OS_API__HOST'] ?? API_HOST
  await print(`request: ${pythonJson(body)}`)
  const answer = await request({ host, port: await apiPort() }, `/${operation}_localport`, body)
  if (answer.status === 200) return print(`response: ${answer.status} ${pythonBytes(answer.body)}`)
  await print(`   ${pythonBytes(answer.body)}`)
  process.stderr.write(`error ${answer.status}, reason: ${STATUS_CODES[answer.status]}\n`)
  process.exitCode = 1
}
