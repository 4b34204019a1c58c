import { networkInterfaces } from 'node:os'
import type * as z from 'zod'
import { formatIp, isIpv4 } from '../values/address.ts'
import { ensure } from '../values/map.ts'
import { apiFault } from './api-protection.ts'
import { type Config, type Peers, toConfig } from './config.ts'
import { type Assignment, ConfigError } from './ini.ts'
import { type About, type Options, optionsOfSection, shownSection } from './option.ts'
import { peerOfSection, suggestPeerSection } from './peer-sections.ts'
import {
  configSchema,
  FOREIGN_SECTIONS,
  optionsOf,
  PEER_SECTION,
  type PeerSettings,
  peerSchema,
  type Settings,
} from './schema.ts'
import { suggest } from './suggest.ts'
import { formatNetwork, type Interfaces } from './types.ts'

export interface LoadedConfig {
  readonly config: Config
  /** Mistakes for the operator to correct: unknown options and sections. */
  readonly warnings: readonly string[]
  /** Options that bagpipe-bgp reads and chanter does not use. */
  readonly notes: readonly string[]
  /** Why a daemon must not start with this configuration; null where it may. */
  readonly refusal: string | null
}

interface Known {
  readonly sections: ReadonlyMap<string, Options>
  /** Of a section about one peer. */
  readonly ofPeer: Options
}

/** By section and option; the names of peer sections are normalised. */
type Given = Map<string, Map<string, Assignment>>
type Place = { section: string; option: string; about: About } | { unknown: string } | 'foreign'

/** Turns assignments, of which later ones win, into a configuration. Throws ConfigError. */
export function interpret(
  assignments: readonly Assignment[],
  interfaces: Interfaces = networkInterfaces(),
): LoadedConfig {
  const schema = configSchema(interfaces)
  const ofPeer = peerSchema(schema)
  const known: Known = { sections: optionsOf(schema), ofPeer: optionsOfSection(ofPeer.shape) }
  const given: Given = new Map([...known.sections.keys()].map((section) => [section, new Map()]))
  const warnings = new Set<string>()
  const notes = new Set<string>()

  for (const assignment of assignments) {
    const place = locate(known, assignment)
    if (place === 'foreign') continue
    if ('unknown' in place) {
      warnings.add(`${where(assignment)}: ${place.unknown}`)
      continue
    }
    ensure(given, place.section, () => new Map()).set(place.option, assignment)
    if (place.about.unused)
      notes.add(`${where(assignment)}: [${place.section}] ${place.option} has no effect here`)
  }

  const texts = [...known.sections.keys()].map((section) => [section, textsOf(given.get(section))])
  const result = schema.safeParse(Object.fromEntries(texts))
  if (!result.success) throw new ConfigError(complaint(result.error.issues, known, given, assignments))
  const settings = result.data
  const peers = interpretPeers(settings, ofPeer, given, (section, issues) => {
    const placed = issues.map((issue) => ({ ...issue, path: [section, ...issue.path] }))
    return new ConfigError(complaint(placed, known, given, assignments))
  })
  for (const warning of [...strangers(given, peers), ...unreachable(settings, peers, given)])
    warnings.add(warning)
  const config = toConfig(
    settings,
    peers,
    effective(settings, peers, known),
    (section) => given.get(section)?.has('dataplane_driver') ?? false,
  )
  if (!isIpv4(config.bgp.identifier)) {
    throw new ConfigError(
      `${filesOf(assignments)}: [BGP] router_id is missing: expected an IPv4 address, since local_address is IPv6`,
    )
  }
  if (config.ipvpn.driver === 'linux' && !settings.DATAPLANE_DRIVER_IPVPN.mpls_interface) {
    throw new ConfigError(
      `${filesOf(assignments)}: [DATAPLANE_DRIVER_IPVPN] mpls_interface is missing: expected the interface that carries MPLS, *gre* or *udp*`,
    )
  }
  return { config, warnings: [...warnings], notes: [...notes], refusal: refusalOf(settings, given) }
}

function refusalOf({ API }: Settings, given: Given): string | null {
  const fault = apiFault(API)
  if (fault === undefined) return null
  const assignment = given.get('API')?.get(fault.option)
  return `${assignment ? `${where(assignment)}: ` : ''}[API] ${fault.option} = ${assignment?.value ?? 'none'}: ${fault.reason}`
}

/** The options of each peer: from its section, else from [BGP]. */
function interpretPeers(
  { BGP }: Settings,
  schema: ReturnType<typeof peerSchema>,
  given: Given,
  failure: (section: string, issues: readonly z.core.$ZodIssue[]) => ConfigError,
): Peers {
  const forAll = textsOf(given.get('BGP'))
  const settings = new Map<string, PeerSettings>()
  const sections: string[] = []
  for (const name of [...BGP.peers.map(formatIp), ...BGP.reflector_clients.map(formatNetwork)]) {
    const section = `${PEER_SECTION}${name}`
    const result = schema.safeParse({ ...forAll, ...textsOf(given.get(section)) })
    if (!result.success) throw failure(section, result.error.issues)
    settings.set(name, result.data)
    if (given.has(section)) sections.push(name)
  }
  return { settings, sections }
}

/** The options by section, as the looking glass shows them. */
function effective(
  { DEFAULT: _, ...sections }: Settings,
  peers: Peers,
  { sections: options, ofPeer }: Known,
) {
  const all = Object.entries(sections).map(([section, values]) => [
    section,
    shownSection(options.get(section)!, values),
  ])
  const ofPeers = peers.sections.map((name) => [
    `${PEER_SECTION}${name}`,
    shownSection(ofPeer, peers.settings.get(name)!),
  ])
  return Object.fromEntries([...all, ...ofPeers])
}

/** Peer sections without a peer. */
function* strangers(given: Given, { settings }: Peers): Iterable<string> {
  for (const [section, options] of given) {
    const name = peerOfSection(section)
    if (name === undefined || settings.has(name)) continue
    const hint = didYouMean(
      section,
      [...settings.keys()].map((peer) => `${PEER_SECTION}${peer}`),
    )
    const [first] = options.values()
    yield `${where(first!)}: [${section}] is about none of [BGP] peers and reflector_clients${hint}; it is ignored`
  }
}

/** Peers that no session can reach from its local address. */
function* unreachable({ BGP }: Settings, { settings }: Peers, given: Given): Iterable<string> {
  for (const address of BGP.peers) {
    const name = formatIp(address)
    const from = settings.get(name)?.local_address ?? BGP.local_address
    if (isIpv4(from) === isIpv4(address)) continue
    const [family, section] = [isIpv4(address) ? 'IPv4' : 'IPv6', `${PEER_SECTION}${name}`]
    const assignment = given.get('BGP')?.get('peers')
    yield `${assignment ? `${where(assignment)}: ` : ''}[BGP] peers: ${name} cannot be reached from ${formatIp(from)}: name an ${family} local_address in [${section}]`
  }
}

function textsOf(options: ReadonlyMap<string, Assignment> = new Map()): Record<string, string> {
  return Object.fromEntries([...options].map(([option, { value }]) => [option, value]))
}

/** One line about the first wrong value, which also names the others. */
function complaint(
  issues: readonly z.core.$ZodIssue[],
  known: Known,
  given: Given,
  assignments: readonly Assignment[],
): string {
  const names = issues.map(({ path }) => `[${String(path[0])}] ${String(path[1])}`)
  const [section, option] = (issues[0]?.path ?? []).map(String) as [string, string]
  const assignment = given.get(section)?.get(option)
  const line = assignment
    ? `${where(assignment)}: ${names[0]} = ${JSON.stringify(assignment.value)}: ${issues[0]?.message}`
    : `${filesOf(assignments)}: ${names[0]} is missing: expected ${known.sections.get(section)?.get(option)?.allowed}`
  return names.length > 1 ? `${line} (also wrong: ${names.slice(1).join(', ')})` : line
}

/** The section and option of an assignment, or why there is none. */
function locate(known: Known, { section: sectionName, option: optionName }: Assignment): Place {
  if (sameName(sectionName, FOREIGN_SECTIONS)) return 'foreign'
  const { sections, ofPeer } = known
  const peer = peerOfSection(sectionName)
  const section = peer === undefined ? sameName(sectionName, sections.keys()) : `${PEER_SECTION}${peer}`
  if (section === undefined) {
    const ofSomePeer = suggestPeerSection(sectionName)
    const hint = didYouMean(sectionName, ofSomePeer === undefined ? sections.keys() : [ofSomePeer])
    return { unknown: `unknown section [${sectionName}]${hint}; it is ignored` }
  }
  const options = sections.get(section) ?? ofPeer
  for (const [option, about] of options) {
    if (option === optionName || about.aliases?.includes(optionName)) return { section, option, about }
  }
  const elsewhere = [...sections].find(([, others]) => others.has(optionName))
  const hint = elsewhere ? ` (it belongs in [${elsewhere[0]}])` : didYouMean(optionName, options.keys())
  return { unknown: `unknown option [${section}] ${optionName}${hint}; it is ignored` }
}

function sameName(name: string, candidates: Iterable<string>): string | undefined {
  return [...candidates].find((candidate) => candidate.toLowerCase() === name.toLowerCase())
}

function didYouMean(word: string, known: Iterable<string>): string {
  const guess = suggest(word, known)
  return guess === undefined ? '' : ` (did you mean ${guess}?)`
}

function filesOf(assignments: readonly Assignment[]): string {
  return [...new Set(assignments.map(({ file }) => file))].join(', ') || 'the configuration'
}

function where({ file, line }: Assignment): string {
  return line === null ? file : `${file} line ${line}`
}
