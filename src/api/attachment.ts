import * as z from 'zod'
import { LAST_VNI } from '../bgp/values/label.ts'
import { anything } from './shapes.ts'

/** The alias of a link, where the id is kept, has that much room (IFALIASZ less `chanter:` and NUL). */
export const MAX_ID_OCTETS = 247
const MAX_U32 = 0xffff_ffff

export const INTERFACE_NAME =
  'the name of a Linux interface: 1 to 15 octets without blanks, "/", ":" and "%", and not "all" or "default"'

export const VPN_TYPES = ['evpn', 'ipvpn'] as const
export const DIRECTIONS = ['both', 'to-port', 'from-port'] as const

export const MAX_PORT_OCTETS = 255

const PORT = `a name of 1 to ${MAX_PORT_OCTETS} octets of UTF-8 without control characters, or an object with it as "linuxif"`

const routeTargets = z
  .union([z.array(z.string()), z.string()])
  .describe('a list of route targets (asn:nn or a.b.c.d:nn), or one string with commas between them')
const interfaceAddress = z.string().nullish().describe('an IP address, with or without prefix length')
const flag = z.boolean().nullish().describe('true or false')
const u32 = z.int().min(0).max(MAX_U32).nullish().describe(`an integer from 0 to ${MAX_U32}`)

/** Parameters that attach and detach share, in the order of their checks. The descriptions are the words of errors, after "expected". */
const named = {
  vpn_type: z.enum(VPN_TYPES).describe(`one of ${VPN_TYPES.join(', ')}`),
  vpn_instance_id: z
    .string()
    .describe(`a string of 1 to ${MAX_ID_OCTETS} octets of UTF-8 without control characters`),
  mac_address: z.string().describe('the MAC address of a station, such as 02:00:00:00:00:01'),
  local_port: z
    .union([
      z.string(),
      z.object({ evpn: z.object({ id: z.string() }) }),
      z.object({
        linuxif: z.string(),
        evpn: z.null().optional(),
        ovs: z.record(z.string(), z.unknown()).nullish(),
        vlan: z.int().nullish(),
      }),
    ])
    .describe(`${PORT}; for ipvpn, an object with "evpn": {"id": <the id of an EVPN instance>}`),
  ip_address: interfaceAddress,
}

export function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** Parameters that agents send and chanter does not use. */
export const emptyAsNull = (value: unknown) => (isEmptyObject(value) ? null : value)

/** The body of `POST /attach_localport`; null counts as absent, and unknown keys are ignored. */
export const attachBody = z.object({
  ...named,
  import_rt: routeTargets,
  export_rt: routeTargets,
  gateway_ip: interfaceAddress,
  linuxbr: z.string().nullish().describe(INTERFACE_NAME),
  vni: z.int().min(0).max(LAST_VNI).nullish().describe(`an integer from 0 (none) to ${LAST_VNI}`),
  local_pref: u32,
  direction: z
    .enum(DIRECTIONS)
    .nullish()
    .describe(`one of ${DIRECTIONS.join(', ')}`),
  lb_consistent_hash_order: u32,
  advertise_subnet: flag,
  readvertise: z
    .preprocess(emptyAsNull, z.object({ from_rt: routeTargets, to_rt: routeTargets }).nullish())
    .describe('an object with route targets as "from_rt" and "to_rt"'),
  attract_traffic: anything.optional().describe('not supported'),
  fallback: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe('an object with "dst_mac", "src_mac" and "ovs_port_number"'),
  sticky: flag,
  description: anything.optional(),
  instance_description: anything.optional(),
})
export type AttachBody = z.input<typeof attachBody>

/** The body of `POST /detach_localport`; the port only has to be present. */
export const detachBody = z.object({
  ...named,
  local_port: z.unknown().describe(PORT),
})
