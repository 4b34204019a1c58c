import * as z from 'zod'
import {
  attachBody,
  detachBody,
  emptyAsNull,
  isEmptyObject,
  MAX_ID_OCTETS,
  MAX_PORT_OCTETS,
} from '../api/attachment.ts'
import { RequestError } from '../api/errors.ts'
import { parseRouteTarget, type RouteTarget } from '../bgp/values/extended-community.ts'
import {
  type InterfaceAddress,
  type Ip,
  isIpv4,
  parseInterfaceAddress,
  reservedIn,
  whyNoHost,
} from '../values/address.ts'
import { hasControls } from '../values/controls.ts'
import { isGroupMac, type Mac, parseMac } from '../values/mac.ts'
import { isInterfaceName } from '../vpn/linux/names.ts'
import type { AttachRequest, DetachRequest } from '../vpn/request.ts'

/** A parameter of that type whose value is checked by `parse`, which returns undefined for a value that is not allowed. */
function required<G, T>(type: z.ZodType<G>, parse: (given: G) => T | undefined) {
  return type.transform((given, context): T => {
    const value = parse(given)
    if (value !== undefined) return value
    context.issues.push({ code: 'custom', input: given })
    return z.NEVER
  })
}

/** As `required`; absent and null are null. */
function optional<G, T>(type: z.ZodType<G | null | undefined>, parse: (given: G) => T | undefined) {
  return required(type, (given) => (given === null || given === undefined ? null : parse(given)))
}

const interfaceName = (given: string): string | undefined => (isInterfaceName(given) ? given : undefined)

const instanceId = (given: string): string | undefined => ofOctets(given, MAX_ID_OCTETS)

/** The driver of a port decides which names it can have: for Open vSwitch the name is only a key, such as `patch2tun:31`. */
const portName = (given: string): string | undefined => ofOctets(given, MAX_PORT_OCTETS)

/** A text of 1 to `most` octets, which acts on no terminal: logs and `ip link` show it. JSON can have half of a surrogate pair, UTF-8 cannot. */
function ofOctets(given: string, most: number): string | undefined {
  const isText = given.isWellFormed() && !hasControls(given)
  const fits = isText && given !== '' && Buffer.byteLength(given) <= most
  return fits ? given : undefined
}

function localPort(
  given: z.output<typeof attachBody.shape.local_port>,
): Pick<AttachRequest, 'port' | 'isOvsPort'> | undefined {
  if (typeof given !== 'string' && !('linuxif' in given)) {
    const id = instanceId(given.evpn.id)
    return id === undefined ? undefined : { port: { evpn: id }, isOvsPort: false }
  }
  const { linuxif, ovs = null, vlan = null } = typeof given === 'string' ? { linuxif: given } : given
  const port = portName(linuxif)
  return port === undefined ? undefined : { port, isOvsPort: ovs !== null || vlan !== null }
}

function routeTargets(given: string | readonly string[]): RouteTarget[] | undefined {
  const list = typeof given === 'string' ? given.split(',').filter((item) => item.trim() !== '') : given
  const targets = list.map((item) => parseRouteTarget(item.trim()))
  return targets.every((target) => target !== undefined) ? [...new Set(targets)] : undefined
}

function stationMac(given: string): Mac | undefined {
  const mac = parseMac(given)
  return mac === undefined || mac === 0 || isGroupMac(mac) ? undefined : mac
}

const { shape } = attachBody

const named = {
  vpn_instance_id: required(shape.vpn_instance_id, instanceId),
  mac_address: required(shape.mac_address, stationMac),
  ip_address: optional(shape.ip_address, parseInterfaceAddress),
}

const targets = required(shape.import_rt, routeTargets)

const attachParameters = attachBody.extend({
  ...named,
  local_port: required(shape.local_port, localPort),
  import_rt: targets,
  export_rt: targets,
  gateway_ip: optional(shape.gateway_ip, (given: string) => parseInterfaceAddress(given)?.ip),
  linuxbr: optional(shape.linuxbr, interfaceName),
  fallback: z.preprocess(emptyAsNull, shape.fallback),
  readvertise: z.preprocess(emptyAsNull, z.object({ from_rt: targets, to_rt: targets }).nullish()),
})

const detachParameters = detachBody.extend(named)

/** Reads the body of an attach. Unknown keys are ignored; throws `RequestError` naming the first parameter that is wrong. */
export function parseAttach(body: unknown): AttachRequest {
  const given = check(attachParameters, attachBody, body)
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
    vni: given.vni || null,
    localPref: given.local_pref ?? null,
    direction: given.direction ?? 'both',
    sticky: given.sticky ?? false,
    hashOrder: given.lb_consistent_hash_order ?? 0,
    advertiseSubnet: given.vpn_type === 'ipvpn' && given.advertise_subnet === true,
    readvertise: given.vpn_type === 'ipvpn' ? readvertiseOf(given) : null,
    fallback: given.vpn_type === 'ipvpn' ? (given.fallback ?? null) : null,
    description: given.description,
    instanceDescription: given.instance_description,
  }
}

export function parseDetach(body: unknown): DetachRequest {
  const given = check(detachParameters, detachBody, body)
  if (given.vpn_type === 'ipvpn') need(given, 'ip_address')
  return {
    instanceId: given.vpn_instance_id,
    type: given.vpn_type,
    mac: given.mac_address,
    ip: given.ip_address?.ip ?? null,
  }
}

/** The routes to re-advertise; absent, null and {} are null. */
function readvertiseOf({
  readvertise: given,
}: Pick<z.output<typeof attachParameters>, 'readvertise'>): AttachRequest['readvertise'] {
  return given ? { from: given.from_rt, to: given.to_rt } : null
}

/** What an attach to an IP VPN additionally needs, and must not have. Agents send null for a network without gateway. */
function checkIpVpn(given: z.output<typeof attachParameters>, body: unknown): void {
  need(given, 'ip_address')
  if (!('gateway_ip' in object(body))) need(given, 'gateway_ip')
  const { attract_traffic: attraction } = given
  if (attraction !== undefined && attraction !== null && !isEmptyObject(attraction))
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

/** Checks that a host can have the address of an attach, if there is one. A router, which may be a VM, can have the first address of an IPv6 subnet. */
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

/** The checked values of parameters; `described` documents the allowed values for error messages. */
function check<T>(parameters: z.ZodType<T>, described: z.ZodObject, body: unknown): T {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestError(
      'BODY_NOT_OBJECT',
      'No local port details received: the body must be a JSON object',
    )
  }
  const result = parameters.safeParse(body)
  if (result.success) return result.data
  const { name, value, expected } = faultAt(result.error.issues[0]!.path, described, body)
  if (value === undefined)
    throw new RequestError(
      'PARAMETER_MISSING',
      `API error: Missing parameter: '${name}': expected ${expected}`,
    )
  throw new RequestError(
    'PARAMETER_INVALID',
    `API error: '${name}' is ${abbreviate(JSON.stringify(value))}: expected ${expected}`,
  )
}

/** The innermost parameter around the error that has a description. */
function faultAt(path: readonly PropertyKey[], described: z.ZodObject, body: object) {
  let name = ''
  let value: unknown = body
  let expected: string | undefined
  let type: unknown = described
  for (const key of path) {
    const inner: z.ZodType | undefined = type instanceof z.ZodObject ? type.shape[String(key)] : undefined
    if (inner === undefined) break
    name = name === '' ? String(key) : `${name}.${String(key)}`
    value = (object(value) as Record<PropertyKey, unknown>)[key]
    expected = inner.description
    type = unwrapped(inner)
  }
  return { name, value, expected }
}

function unwrapped(type: z.ZodType): unknown {
  if (type instanceof z.ZodPipe) return unwrapped(type.out as z.ZodType)
  return type instanceof z.ZodOptional || type instanceof z.ZodNullable
    ? unwrapped(type.unwrap() as z.ZodType)
    : type
}

function object(given: unknown): object {
  return typeof given === 'object' && given !== null ? given : {}
}

function abbreviate(value: string): string {
  return value.length > 120 ? `${value.slice(0, 120)}…` : value
}
