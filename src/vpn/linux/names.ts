import { createHash } from 'node:crypto'
import type { Encapsulation } from '../../dataplane/model.ts'
import type { Ip } from '../../values/address.ts'
import { hex } from '../../values/bytes.ts'

const ALIAS_PREFIX = 'chanter:'
/** Kernel names have at most 15 octets (IFNAMSIZ less its NUL). */
const MAX_NAME_LENGTH = 15
const BRIDGE_PREFIX = 'evpn---'
const VXLAN_PREFIX = 'vxlan--'
const TUNNEL_PREFIXES = { gre: 'mpls---', udp: 'mpls-u-' } as const satisfies Record<Encapsulation, string>
/** Ends of veth pairs between a VRF and an EVPN instance: in the VRF, and in the bridge. */
const VRF_END_PREFIX = 'vrf2e--'
const BRIDGE_END_PREFIX = 'e2vrf--'
const SUFFIX_LENGTH = MAX_NAME_LENGTH - BRIDGE_PREFIX.length
/** Characters that every kernel and tool accepts in a name. */
const PLAIN = new RegExp(`^[\\w.-]{1,${SUFFIX_LENGTH}}$`)

/** The distinguishing part of an instance's device names: its id where that fits, else a stable hash of it. */
export function nameSuffix(instanceId: string, isTaken: (suffix: string) => boolean): string {
  if (PLAIN.test(instanceId) && !isTaken(instanceId)) return instanceId
  for (let salt = 0; ; salt++) {
    const digest = createHash('sha256')
      .update(salt === 0 ? instanceId : `${instanceId} ${salt}`)
      .digest()
    const suffix = digest.readBigUInt64BE().toString(36).padStart(SUFFIX_LENGTH, '0').slice(-SUFFIX_LENGTH)
    if (!isTaken(suffix)) return suffix
  }
}

export const bridgeName = (suffix: string): string => BRIDGE_PREFIX + suffix
/** The name that bagpipe-bgp gives the VXLAN device of an instance, cut as it does: instances may share it. */
export const bagpipeVxlanName = (instanceId: string): string =>
  (VXLAN_PREFIX + instanceId).slice(0, MAX_NAME_LENGTH)
export const vxlanName = (suffix: string): string => VXLAN_PREFIX + suffix

/** The name of a tunnel to a provider edge, or from all: an IPv4 address in hex, for an IPv6 address a hash. */
export function tunnelName(
  encapsulation: Encapsulation,
  remote: Ip | null,
  isTaken: (name: string) => boolean,
): string {
  const prefix = TUNNEL_PREFIXES[encapsulation]
  if (remote === null) return `${prefix}any`
  return prefix + nameSuffix(hex(remote), (suffix) => isTaken(prefix + suffix))
}

/** The names of a veth pair's ends, by the ids of the VRF and of the EVPN instance: in the VRF, and in the bridge. */
export function vethNames(vrf: string, evpn: string, isTaken: (vrfEnd: string) => boolean) {
  const suffix = nameSuffix(JSON.stringify([vrf, evpn]), (candidate) => isTaken(VRF_END_PREFIX + candidate))
  return { vrfEnd: VRF_END_PREFIX + suffix, bridgeEnd: BRIDGE_END_PREFIX + suffix }
}

/** Whether chanter makes devices of this name; `vrfPrefix` is the prefix of VRF devices. */
export const isOwnedName = (name: string, vrfPrefix: string): boolean =>
  [
    BRIDGE_PREFIX,
    VXLAN_PREFIX,
    ...Object.values(TUNNEL_PREFIXES),
    VRF_END_PREFIX,
    BRIDGE_END_PREFIX,
    vrfPrefix,
  ].some((prefix) => name.startsWith(prefix))

/** The alias that marks a device as an instance's. */
export const aliasOf = (id: string): string => ALIAS_PREFIX + id

/** Directories of sysctl beside those of interfaces. */
const SYSCTL_NAMES: readonly string[] = ['all', 'default']
/** Octets that end a name, or that the kernel treats as blanks (isspace in Latin-1). */
const NOT_IN_NAMES: ReadonlySet<number> = new Set([0, 9, 10, 11, 12, 13, 0x20, 0x25, 0x2f, 0x3a, 0xa0])

/** Whether the kernel accepts it unchanged as an interface name (dev_valid_name, __dev_alloc_name, sysctl). */
export function isInterfaceName(name: string): boolean {
  if (!name.isWellFormed()) return false
  const octets = Buffer.from(name)
  if (octets.length === 0 || octets.length > MAX_NAME_LENGTH) return false
  if (name === '.' || name === '..' || SYSCTL_NAMES.includes(name)) return false
  return !octets.some((octet) => NOT_IN_NAMES.has(octet))
}
