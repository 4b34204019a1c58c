import * as z from 'zod'
import { RequestError } from '../api/errors.ts'
import { parseRouteTarget, type RouteTarget } from '../bgp/values/extended-community.ts'
import { LAST_VNI } from '../bgp/values/label.ts'
import {
  type InterfaceAddress,
  type Ip,
  isIpv4,
  parseInterfaceAddress,
  reservedIn,
  whyNoHost,
} from '../values/address.ts'
import { isGroupMac, parseMac } from '../values/mac.ts'
import { INTERFACE_NAME, isInterfaceName } from '../vpn/names.ts'
import { type AttachRequest, type DetachRequest, type Fallback, VPN_TYPES } from '../vpn/request.ts'

/** The alias of a link, where the id is kept, has that much room (IFALIASZ less `chanter:` and NUL). */
const MAX_ID_OCTETS = 247
const MAX_U32 = 0xffff_ffff

/** A parameter whose value is checked by `parse`; it answers undefined for what is not allowed. */
function parameter<T>(expected: string, parse: (given: unknown) => T | undefined) {
  return z.unknown().transform((given, context): T => {
    const value = parse(given)
    if (value !== undefined) return value
    context.issues.push({ code: 'custom', message: expected, input: given })
    return z.NEVER
  })
}

/** As `parameter`; absent and null are null. */
function optional<T>(expected: string, parse: (given: unknown) => T | undefined) {
  return parameter<T | null>(expected, (given) =>
    given === undefined || given === null ? null : parse(given),
  )
}

function text<T>(parse: (given: string) => T | undefined): (given: unknown) => T | undefined {
  return (given) => (typeof given === 'string' ? parse(given) : undefined)
}

function integer(from: number, to: number): (given: unknown) => number | undefined {
  return (given) =>
    typeof given === 'number' && Number.isInteger(given) && given >= from && given <= to ? given : undefined
}

function oneOf<T extends string>(values: readonly T[]): (given: unknown) => T | undefined {
  return text((given) => values.find((value) => value === given))
}

const boolean = (given: unknown) => (typeof given === 'boolean' ? given : undefined)

const interfaceName = text((given) => (isInterfaceName(given) ? given : undefined))

const instanceId = text((given) => {
  const fits = given !== '' && Buffer.byteLength(given) <= MAX_ID_OCTETS && !given.includes('\0')
  return fits ? given : undefined
})

const MAX_PORT_OCTETS = 255
/** The driver that uses a port knows which names it can have: that of Open vSwitch is only a key, such as `patch2tun:31`. */
const portName = text((given) => {
  const fits = given !== '' && Buffer.byteLength(given) <= MAX_PORT_OCTETS && !given.includes('\0')
  return fits ? given : undefined
})

const PORT = `a name of 1 to ${MAX_PORT_OCTETS} octets, or an object with it as "linuxif"`

/** Where an endpoint is: an interface, or of an IP VPN's the EVPN instance that it is in. */
const localPort = parameter(
  `${PORT}; for ipvpn, an object with "evpn": {"id": <the id of an EVPN instance>}`,
  (given): Pick<AttachRequest, 'port' | 'isOvsPort'> | undefined => {
    const { linuxif, evpn, ovs, vlan } = fields(given, 'linuxif', 'evpn', 'ovs', 'vlan')
    if (isGiven(evpn)) {
      const id = instanceId(fields(evpn, 'id').id)
      return id === undefined ? undefined : { port: { evpn: id }, isOvsPort: false }
    }
    const port = portName(typeof given === 'string' ? given : linuxif)
    return port === undefined ? undefined : { port, isOvsPort: isGiven(ovs) || isGiven(vlan) }
  },
)

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** Some fields of what may be an object. */
function fields<K extends string>(given: unknown, ...names: readonly K[]): Record<K, unknown> {
  const entries: Record<string, unknown> = { ...object(given) }
  return Object.fromEntries(names.map((name) => [name, entries[name]])) as Record<K, unknown>
}

function object(given: unknown): object {
  return typeof given === 'object' && given !== null ? given : {}
}

const TARGETS = 'a list of route targets (asn:nn or a.b.c.d:nn), or one string with commas between them'

function routeTargets(given: unknown): RouteTarget[] | undefined {
  const list = typeof given === 'string' ? given.split(',').filter((item) => item.trim() !== '') : given
  if (!Array.isArray(list)) return undefined
  const targets = list.map((item) => (typeof item === 'string' ? parseRouteTarget(item.trim()) : undefined))
  return targets.every((target) => target !== undefined) ? [...new Set(targets)] : undefined
}

const READVERTISE = 'an object with route targets as "from_rt" and "to_rt"'

/** What is re-advertised; absent, null and {} are null. */
const readvertise = z.unknown().transform((given, context): AttachRequest['readvertise'] => {
  if (given === undefined || given === null || isEmptyObject(given)) return null
  const isObject = typeof given === 'object' && !Array.isArray(given)
  const fields = { from_rt: undefined, to_rt: undefined, ...(isObject ? given : {}) }
  const [from, to] = [routeTargets(fields.from_rt), routeTargets(fields.to_rt)]
  if (from !== undefined && to !== undefined) return { from, to }
  const path = from === undefined ? 'from_rt' : 'to_rt'
  const issue = { code: 'custom', input: given } as const
  context.issues.push(
    isObject ? { ...issue, message: TARGETS, path: [path] } : { ...issue, message: READVERTISE },
  )
  return z.NEVER
})

const stationMac = text((given) => {
  const mac = parseMac(given)
  return mac === undefined || mac === 0 || isGroupMac(mac) ? undefined : mac
})

/** Parameters that attach and detach share, in the order in which they are looked at. */
const named = {
  vpn_type: parameter(`one of ${VPN_TYPES.join(', ')}`, oneOf(VPN_TYPES)),
  vpn_instance_id: parameter(`a string of 1 to ${MAX_ID_OCTETS} octets`, instanceId),
  mac_address: parameter('the MAC address of a station, such as 02:00:00:00:00:01', stationMac),
  local_port: localPort,
  ip_address: optional('an IP address, with or without prefix length', text(parseInterfaceAddress)),
}

const attachParameters = z.object({
  ...named,
  import_rt: parameter(TARGETS, routeTargets),
  export_rt: parameter(TARGETS, routeTargets),
  gateway_ip: optional(
    'an IP address, with or without prefix length',
    text((given) => parseInterfaceAddress(given)?.ip),
  ),
  linuxbr: optional(INTERFACE_NAME, interfaceName),
  vni: optional(`an integer from 0 (none) to ${LAST_VNI}`, integer(0, LAST_VNI)),
  local_pref: optional(`an integer from 0 to ${MAX_U32}`, integer(0, MAX_U32)),
  direction: optional('one of both, to-port, from-port', oneOf(['both', 'to-port', 'from-port'] as const)),
  lb_consistent_hash_order: optional(`an integer from 0 to ${MAX_U32}`, integer(0, MAX_U32)),
  advertise_subnet: optional('true or false', boolean),
  readvertise,
  attract_traffic: z.unknown(),
  fallback: optional(
    'an object with "dst_mac", "src_mac" and "ovs_port_number"',
    (given): Fallback | undefined =>
      typeof given === 'object' && given !== null && !Array.isArray(given) ? { ...given } : undefined,
  ),
  sticky: optional('true or false', boolean),
  description: z.unknown(),
  instance_description: z.unknown(),
})

const detachParameters = z.object({
  ...named,
  local_port: parameter(PORT, (given) => (given === undefined ? undefined : true)),
})

/** Reads the body of an attach. Unknown keys are ignored; throws `RequestError` naming the first parameter that is wrong. */
export function parseAttach(body: unknown): AttachRequest {
  const given = check(attachParameters, body)
  const ownSubnet = given.advertise_subnet === true ? null : given.ip_address
  checkHost(body, 'ip_address', given.ip_address?.ip ?? null, ownSubnet)
  if (given.vpn_type === 'ipvpn') {
    checkIpVpn(given, body)
    checkHost(body, 'gateway_ip', given.gateway_ip, given.ip_address)
  }
  return {
    instanceId: given.vpn_instance_id,
    type: given.vpn_type,
    importTargets: given.import_rt,
    exportTargets: given.export_rt,
    mac: given.mac_address,
    ip: given.ip_address,
    gatewayIp: given.gateway_ip,
    ...given.local_port,
    linuxBridge: given.linuxbr,
    vni: given.vni === 0 ? null : given.vni,
    localPref: given.local_pref,
    direction: given.direction ?? 'both',
    sticky: given.sticky ?? false,
    hashOrder: given.lb_consistent_hash_order ?? 0,
    advertiseSubnet: given.vpn_type === 'ipvpn' && given.advertise_subnet === true,
    readvertise: given.vpn_type === 'ipvpn' ? given.readvertise : null,
    fallback: given.vpn_type === 'ipvpn' && !isEmptyObject(given.fallback) ? given.fallback : null,
    description: given.description,
    instanceDescription: given.instance_description,
  }
}

export function parseDetach(body: unknown): DetachRequest {
  const given = check(detachParameters, body)
  if (given.vpn_type === 'ipvpn') need(given, 'ip_address')
  return {
    instanceId: given.vpn_instance_id,
    type: given.vpn_type,
    mac: given.mac_address,
    ip: given.ip_address?.ip ?? null,
  }
}

/** What an attach to an IP VPN needs beyond the rest, and what there is not. Agents have null for a network without gateway. */
function checkIpVpn(given: z.output<typeof attachParameters>, body: unknown): void {
  need(given, 'ip_address')
  if (fields(body, 'gateway_ip').gateway_ip === undefined) need(given, 'gateway_ip')
  const { attract_traffic: attraction } = given
  if (isGiven(attraction) && !isEmptyObject(attraction))
    throw new RequestError(
      'PARAMETER_UNSUPPORTED',
      "API error: 'attract_traffic' cannot be granted, since chanter advertises no FlowSpec routes: leave it out to attach the port without traffic redirection",
    )
}

function need(given: Readonly<Record<string, unknown>>, name: string): void {
  if (given[name] === null)
    throw new RequestError(
      'PARAMETER_MISSING',
      `API error: Missing parameter: '${name}': expected an IP address`,
    )
}

/** That a host can have an address of an attach, if there is one. A router, which may be a VM, can have the first address of an IPv6 subnet. */
function checkHost(body: unknown, name: string, ip: Ip | null, subnet: InterfaceAddress | null): void {
  if (ip === null) return
  const reserved = subnet !== null && isIpv4(subnet.ip) ? reservedIn(subnet) : []
  const reason = whyNoHost(ip) ?? reserved.find(([address]) => address === ip)?.[1]
  if (reason === undefined) return
  const { [name]: given }: Record<string, unknown> = { ...object(body) }
  throw new RequestError(
    'PARAMETER_INVALID',
    `API error: '${name}' is ${JSON.stringify(given)}, ${reason}: expected an address that a host can have`,
  )
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function check<T>(parameters: z.ZodObject & z.ZodType<T>, body: unknown): T {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestError(
      'BODY_NOT_OBJECT',
      'No local port details received: the body must be a JSON object',
    )
  }
  const given: Record<string, unknown> = { ...body }
  const result = parameters.safeParse(
    Object.fromEntries(Object.keys(parameters.shape).map((name) => [name, given[name]])),
  )
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]!
  const name = path.join('.')
  const value = path.reduce<unknown>(
    (outer, key) => (object(outer) as Record<PropertyKey, unknown>)[key],
    given,
  )
  if (value === undefined)
    throw new RequestError(
      'PARAMETER_MISSING',
      `API error: Missing parameter: '${name}': expected ${message}`,
    )
  throw new RequestError(
    'PARAMETER_INVALID',
    `API error: '${name}' is ${abbreviate(JSON.stringify(value))}: expected ${message}`,
  )
}

function abbreviate(value: string): string {
  return value.length > 120 ? `${value.slice(0, 120)}…` : value
}
