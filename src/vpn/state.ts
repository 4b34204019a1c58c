import { createHash } from 'node:crypto'
import * as z from 'zod'
import { formatRouteTarget, parseRouteTarget } from '../bgp/values/extended-community.ts'
import { formatIp, parseIp } from '../values/address.ts'
import { formatMac, parseMac } from '../values/mac.ts'

/** Goes up with every change that an older daemon would misread. */
const VERSION = 3
/** In which nothing is announced again: written where nothing is, for the sake of older daemons. */
const VERSION_WITHOUT_READVERTISE = 2
/** The first one, in which there are no plugs either. */
const VERSION_WITHOUT_PLUGS = 1
const READABLE = [VERSION, VERSION_WITHOUT_READVERTISE, VERSION_WITHOUT_PLUGS]
const FORMAT = 'chanter-state'

/** A text that is no state, or not one of ours to read; the message says why. */
export class Unreadable extends Error {}

/** Text in the file, `T` in memory. */
function word<T>(what: string, parse: (text: string) => T | undefined, format: (value: T) => string) {
  return z.codec(z.string(), z.custom<T>(), {
    decode(text, context): T {
      const value = parse(text)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: `not ${what}`, input: text })
      return z.NEVER
    },
    encode: format,
  })
}

const ip = word('an IP address', parseIp, formatIp)
const mac = word('a MAC address', parseMac, formatMac)
const targets = z.array(word('a route target', parseRouteTarget, formatRouteTarget))
const name = z.string().min(1)
const natural = z.int().min(0)

const attachment = z.object({
  mac,
  ip: ip.nullable(),
  prefixLength: natural.nullable(),
  port: name,
  /** Where its port leads into the bridge of an EVPN instance, in an IP VPN. */
  plug: z.object({ evpn: name, device: name }).nullable().default(null),
  direction: z.enum(['both', 'to-port', 'from-port']),
  localPref: natural.nullable(),
  label: natural,
  sticky: z.boolean().default(false),
  /** Of its subnet, in an IP VPN. */
  gatewayIp: ip.nullable().default(null),
  hashOrder: natural.default(0),
  advertiseSubnet: z.boolean().default(false),
  /** Where its route has a route distinguisher of its own. */
  rdNumber: natural.nullable().default(null),
  /** Where routes of others are announced again for it. */
  readvertiseRd: natural.nullable().default(null),
  /** Mobility of its MAC address (RFC 7432 §7.7). */
  sequence: natural,
  description: z.unknown(),
})

const anyInstance = {
  id: name,
  number: natural,
  rdNumber: natural,
  importTargets: targets,
  exportTargets: targets,
  gatewayIp: ip.nullable(),
  subnetPrefixLength: natural.nullable(),
  description: z.unknown(),
  attachments: z.array(attachment),
}

const evpnInstance = z.object({
  type: z.literal('evpn').default('evpn'),
  ...anyInstance,
  vni: natural,
  vniGiven: z.boolean(),
  suffix: name,
  devices: z.object({ bridge: name, givenBridge: z.boolean(), vxlan: name, givenVxlan: z.boolean() }),
})

/** Earlier daemons did not tell its table and device. */
const ipInstance = z.object({
  type: z.literal('ipvpn'),
  ...anyInstance,
  table: natural.optional(),
  device: name.optional(),
  readvertise: z.object({ from: targets.readonly(), to: targets.readonly() }).nullable().default(null),
})

const instance = z.union([evpnInstance, ipInstance])

const hops = z
  .array(
    z.object({
      device: name,
      via: ip.nullable(),
      labels: z.array(natural).readonly(),
      weight: natural,
    }),
  )
  .readonly()
const given = z.boolean().default(false)

const entry = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('bridge'), device: name, given, alias: name }),
  z.object({
    kind: z.literal('vxlan'),
    device: name,
    alias: name,
    vni: natural,
    local: ip,
    port: natural,
    mtu: natural.nullable().default(null),
    underlay: name.nullable().default(null),
  }),
  z.object({
    kind: z.literal('port'),
    device: name,
    bridge: name,
    given,
    learning: z.boolean(),
    neighSuppress: z.boolean(),
  }),
  z.object({ kind: z.literal('local-mac'), device: name, mac }),
  z.object({ kind: z.literal('vrf'), device: name, alias: name, table: natural }),
  z.object({
    kind: z.literal('unreachable'),
    device: name,
    table: natural,
    prefix: ip,
    prefixLength: natural,
  }),
  z.object({
    kind: z.literal('veth'),
    device: name,
    alias: name,
    peer: name,
    mac,
    mtu: natural.nullable(),
    local: ip,
    underlay: name.nullable(),
  }),
  z.object({ kind: z.literal('mpls-interface'), device: name }),
  z.object({
    kind: z.literal('tunnel'),
    device: name,
    alias: name,
    encapsulation: z.enum(['gre', 'udp']),
    local: ip,
    remote: ip.nullable(),
    mtu: natural.nullable(),
    underlay: name.nullable(),
  }),
  z.object({ kind: z.literal('udp-port'), device: z.literal('lo'), ip }),
  z.object({ kind: z.literal('vrf-port'), device: name, vrf: name }),
  z.object({ kind: z.literal('address'), device: name, ip, prefixLength: natural }),
  z.object({ kind: z.literal('fixed-neighbour'), device: name, ip, mac }),
  z.object({ kind: z.literal('mpls'), device: z.literal('lo'), label: natural, hops }),
])

const freedNumber = z.object({
  number: natural,
  /** What it was for. */
  use: z.string(),
  /** When it was freed, in epoch milliseconds. */
  at: natural,
})

const keptNumbers = z.object({
  /** The one to be tried next. */
  next: natural,
  /** Those that may not serve another use yet, the first freed first. */
  freed: z.array(freedNumber).readonly(),
})

const state = z.object({
  /** Which boot of which machine, and which of its networks, the kernel's part is in. */
  kernel: z.string(),
  /** What agents compare to learn of a restart that forgot them: a decimal number. */
  ping: z.string().regex(/^\d+$/),
  instances: z.array(instance),
  /** Ids of the XDP programs that isolate bridges. */
  programs: z.array(natural).readonly().optional(),
  /** What may be in the kernel of attachments that were under way, or on their way out. */
  footprint: z.array(entry),
  /** Earlier daemons began with the first ones again. */
  numbers: z.object({ labels: keptNumbers, vnis: keptNumbers, rds: keptNumbers }).optional(),
})

/** What a daemon needs of its predecessor to go on where that one ended. */
export type State = z.output<typeof state>
export type FreedNumber = z.output<typeof freedNumber>
/** Of a range of numbers: what a later process has to know beside those in use. */
export type KeptNumbers = z.output<typeof keptNumbers>
export type EvpnState = z.output<typeof evpnInstance>
export type IpState = z.output<typeof ipInstance>
export type InstanceState = EvpnState | IpState
/** What of an attachment is in the kernel for good or ill: links, ports, local addresses and labels. */
export type FootprintEntry = z.output<typeof entry>

/** Two lines of JSON: format, version and checksum, then the state. */
export function encodeState(value: State): string {
  const body = JSON.stringify(z.encode(state, value))
  return `${JSON.stringify({ format: FORMAT, version: versionOf(value), sha256: digest(body) })}\n${body}\n`
}

/** Throws `Unreadable`. */
export function decodeState(text: string): State {
  const [head = '', body = ''] = text.split('\n')
  const { format, version, sha256 } = header(head)
  if (format !== FORMAT) throw new Unreadable('it is not a state file')
  if (!READABLE.some((one) => one === version))
    throw new Unreadable(`its version is ${version}, this daemon reads up to ${VERSION}`)
  if (digest(body) !== sha256) throw new Unreadable('its checksum is wrong')
  const read = state.safeDecode(JSON.parse(body))
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw new Unreadable(`${path.join('.')}: ${message}`)
}

/** The first one that can tell the state. */
function versionOf(value: State): number {
  if (readvertises(value)) return VERSION
  return hasPlugs(value) ? VERSION_WITHOUT_READVERTISE : VERSION_WITHOUT_PLUGS
}

/** Whether some of what is announced follows from routes of others. */
export function readvertises({ instances }: Pick<State, 'instances'>): boolean {
  return instances.some((one) => one.type === 'ipvpn' && one.readvertise !== null)
}

function hasPlugs({ instances, footprint }: State): boolean {
  return (
    instances.some(({ attachments }) => attachments.some(({ plug }) => plug !== null)) ||
    footprint.some(({ kind }) => kind === 'veth')
  )
}

function header(line: string): { format?: unknown; version?: unknown; sha256?: unknown } {
  try {
    return { ...JSON.parse(line) }
  } catch {
    return {}
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
