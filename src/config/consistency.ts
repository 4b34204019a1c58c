import { formatIp, type Ip, isIpv4 } from '../values/address.ts'
import { API_OPTIONS } from './api-options.ts'
import { apiFault } from './api-protection.ts'
import { missingOption, type ReadValues, wholeOf } from './draft.ts'
import { type ConfigFinding, finding, type Position } from './finding.ts'
import type { ConfigText } from './ini.ts'
import { didYouMean, type LocatedOptions } from './locate.ts'
import { peerOfSection } from './peer-sections.ts'
import { PEER_SECTION, type Settings } from './schema.ts'
import { suggest } from './suggest.ts'
import { formatNetwork } from './types.ts'

/** What is wrong with values beside each other, as far as they could be read. */
export function* inconsistencies(
  text: ConfigText,
  located: LocatedOptions,
  values: ReadValues,
): Iterable<ConfigFinding> {
  const { given, headers } = located
  const at = (section: string, option: string): Position =>
    given.get(section)?.get(option) ?? headers.get(section) ?? wholeOf(text)
  yield* withoutRouterId(values, at)
  yield* withoutTransport(values, at)
  yield* unusableApi(values, given, at)
  yield* rotation(values, at)
  yield* pythonLogging(values, at)
  yield* strangers(located, values)
  yield* unreachable(values, at)
  yield* withoutListener(values, at)
}

type PositionOf = (section: string, option: string) => Position

function* withoutRouterId({ draft: { BGP } }: ReadValues, at: PositionOf): Iterable<ConfigFinding> {
  if (BGP.local_address === undefined || isIpv4(BGP.local_address) || BGP.router_id !== null) return
  const expected = 'an IPv4 address, since local_address is IPv6'
  yield missingOption(at('BGP', 'local_address'), 'BGP', 'router_id', expected)
}

function* withoutTransport(
  { draft: { DATAPLANE_DRIVER_IPVPN: driver } }: ReadValues,
  at: PositionOf,
): Iterable<ConfigFinding> {
  if (driver.dataplane_driver !== 'linux' || driver.mpls_interface || !('mpls_interface' in driver)) return
  const section = 'DATAPLANE_DRIVER_IPVPN'
  const expected = 'the interface that carries MPLS, *gre* or *udp*'
  yield missingOption(at(section, 'dataplane_driver'), section, 'mpls_interface', expected)
}

function* unusableApi(
  { draft: { API } }: ReadValues,
  given: LocatedOptions['given'],
  at: PositionOf,
): Iterable<ConfigFinding> {
  const isComplete = Object.keys(API_OPTIONS).every((name) => name in API)
  const fault = isComplete ? apiFault(API as Settings['API']) : undefined
  if (fault === undefined) return
  const { severity, code, option, reason } = fault
  const value = given.get('API')?.get(option)?.value ?? null
  const message = `[API] ${option} = ${JSON.stringify(value)}: ${reason}`
  yield finding(severity, code, at('API', option), message, { section: 'API', option, value })
}

function* rotation({ draft: { DEFAULT } }: ReadValues, at: PositionOf): Iterable<ConfigFinding> {
  const { log_rotation_type: by, log_rotate_interval: interval, log_rotate_interval_type: unit } = DEFAULT
  if (by !== 'interval' || interval === undefined || unit === undefined) return
  const isRight = unit === 'Weekday' ? interval <= 6 : interval >= 1
  if (isRight) return
  const [section, option] = ['DEFAULT', 'log_rotate_interval']
  const allowed = unit === 'Weekday' ? 'a day from 0 (Monday) to 6 (Sunday)' : 'at least 1'
  const value = String(interval)
  const message = `[${section}] ${option} = ${JSON.stringify(value)}: expected ${allowed}`
  yield finding('error', 'wrong-value', at(section, option), message, { section, option, value, allowed })
}

/** Older versions of bagpipe-bgp were given the configuration of Python's logging as their `log_file`. */
function* pythonLogging({ draft: { DEFAULT } }: ReadValues, at: PositionOf): Iterable<ConfigFinding> {
  const { log_file: value } = DEFAULT
  if (!value?.endsWith('.conf')) return
  const [section, option] = ['DEFAULT', 'log_file']
  const message = `[${section}] ${option} = ${JSON.stringify(value)} configures the logging of Python: it is ignored; name a file that does not end in .conf`
  yield finding('warning', 'wrong-value', at(section, option), message, { section, option, value })
}

/** Peer sections without a peer. */
function* strangers(
  { given, headers }: LocatedOptions,
  { draft: { BGP } }: ReadValues,
): Iterable<ConfigFinding> {
  if (BGP.peers === undefined || BGP.reflector_clients === undefined) return
  const names = [...BGP.peers.map(formatIp), ...BGP.reflector_clients.map(formatNetwork)]
  for (const section of new Set([...headers.keys(), ...given.keys()])) {
    const name = peerOfSection(section)
    if (name === undefined || names.includes(name)) continue
    const guess = suggest(
      section,
      names.map((peer) => `${PEER_SECTION}${peer}`),
    )
    const [first] = given.get(section)?.values() ?? []
    const message = `[${section}] is about none of [BGP] peers and reflector_clients${didYouMean(guess)}; it is ignored`
    yield finding('warning', 'unused-section', headers.get(section) ?? first!, message, {
      section,
      suggestion: guess ?? null,
    })
  }
}

/** Peers that no session can reach from its local address, and clients that cannot connect to theirs. */
function* unreachable({ draft: { BGP }, ofPeers }: ReadValues, at: PositionOf): Iterable<ConfigFinding> {
  const isListenedAt = (family: Ip) =>
    [...ofPeers.values()].some((own) => own.local_address && isIpv4(own.local_address) === isIpv4(family))
  const clients = (BGP.reflector_clients ?? []).filter(({ ip }) => !isListenedAt(ip))
  const all = [
    ...(BGP.peers ?? []).map((ip) => ({ ip, name: formatIp(ip), option: 'peers', verb: 'be reached from' })),
    ...clients.map((network) => ({
      ip: network.ip,
      name: formatNetwork(network),
      option: 'reflector_clients',
      verb: 'connect to',
    })),
  ]
  for (const { ip, name: value, option, verb } of all) {
    const section = `${PEER_SECTION}${value}`
    const own = ofPeers.get(section)?.local_address ?? BGP.local_address
    if (own === undefined || isIpv4(own) === isIpv4(ip)) continue
    const family = isIpv4(ip) ? 'IPv4' : 'IPv6'
    const message = `[BGP] ${option}: ${value} cannot ${verb} ${formatIp(own)}: name an ${family} local_address in [${section}]`
    yield finding('warning', 'unreachable-peer', at('BGP', option), message, {
      section: 'BGP',
      option,
      value,
    })
  }
}

/** Peers that have to connect to this node, which does not listen. */
function* withoutListener({ draft: { BGP }, ofPeers }: ReadValues, at: PositionOf): Iterable<ConfigFinding> {
  if (BGP.listen !== false) return
  const isPassive = (address: Ip) =>
    ofPeers.get(`${PEER_SECTION}${formatIp(address)}`)?.passive ?? BGP.passive
  const passive = (BGP.peers ?? []).filter(isPassive).map((address) => `passive peer ${formatIp(address)}`)
  const clients = (BGP.reflector_clients ?? []).map(
    (network) => `reflector_clients ${formatNetwork(network)}`,
  )
  const facts = { section: 'BGP', option: 'listen' }
  for (const one of [...passive, ...clients]) {
    const message = `[BGP] listen = false: ${one} cannot connect to this node: write listen = true`
    yield finding('warning', 'unreachable-peer', at('BGP', 'listen'), message, facts)
  }
}
