import { formatIp } from '../values/address.ts'
import { type Config, type Peers, type ShownOptions, toConfig } from './config.ts'
import { inconsistencies } from './consistency.ts'
import { type ReadValues, readValues } from './draft.ts'
import { ConfigError, type ConfigFinding, messagesOf } from './finding.ts'
import { type Assignment, type ConfigText, joinTexts, textOf } from './ini.ts'
import { interfacesOfMachine } from './interfaces.ts'
import { type Known, knownOptions, optionsIn } from './known.ts'
import { type Given, locate } from './locate.ts'
import { shownSection } from './option.ts'
import { literal } from './references.ts'
import { PEER_SECTION, type PeerSettings, type Settings } from './schema.ts'
import { type ShownSetting, shownSettings } from './shown-settings.ts'
import { type ConfigSource, readSources } from './sources.ts'
import { formatNetwork, type Interfaces } from './types.ts'

export interface LoadedConfig {
  readonly config: Config
  /** Mistakes for the operator to correct, such as unknown options and sections. */
  readonly warnings: readonly string[]
  /** Options that chanter has no use for, or knows by another name. */
  readonly notes: readonly string[]
  /** The last assignment of each known option, under the names that documentation has. */
  readonly assignments: readonly Assignment[]
  /** Every option in effect. */
  readonly settings: readonly ShownSetting[]
}

export interface CheckedConfig {
  /** Null where a finding is an error. */
  readonly config: Config | null
  /** In the order of files and lines. */
  readonly findings: readonly ConfigFinding[]
  /** As far as they could be read. */
  readonly settings: readonly ShownSetting[]
  /** The last assignment of each known option, under the names that documentation has. */
  readonly assignments: readonly Assignment[]
}

/** Where a configuration comes from, besides the environment; of several sources, the later wins. */
export interface ConfigOrigin {
  readonly sources: readonly ConfigSource[]
  /** Options of the command line. */
  readonly overrides: readonly Assignment[]
}

/** Reads all of a configuration anew. Throws ConfigError, with every error that it has. */
export function loadConfig(origin: ConfigOrigin): LoadedConfig {
  return interpret(readOrigin(origin))
}

/** Throws ConfigError where a file cannot be read. */
export function readOrigin({ sources, overrides }: ConfigOrigin): ConfigText {
  return joinTexts([readSources(sources), textOf(overrides)])
}

/** Turns what is written into a configuration. Throws ConfigError, with every error that it has. */
export function interpret(text: ConfigText, interfaces?: Interfaces): LoadedConfig {
  const { config, findings, assignments, settings } = checkConfig(text, interfaces)
  if (config === null) throw new ConfigError(...messagesOf(findings, 'error'))
  return { config, warnings: config.warnings, notes: messagesOf(findings, 'note'), assignments, settings }
}

/** Finds all that is wrong with a configuration. */
export function checkConfig(text: ConfigText, interfaces: Interfaces = interfacesOfMachine()): CheckedConfig {
  const known = knownOptions(interfaces)
  const located = locate(known, text)
  const values = readValues(known, text, located)
  const findings = inOrder(text, [
    ...text.findings,
    ...located.findings,
    ...values.findings,
    ...inconsistencies(text, located, values),
  ])
  const settings = shownSettings(known, located.given, values)
  const assignments = assignmentsOf(known, located.given, settings)
  if (findings.some(({ severity }) => severity === 'error'))
    return { config: null, findings, settings, assignments }

  const complete = values.draft as Settings
  const peers = peersOf(known, complete, values)
  const named = (section: string) => located.given.get(section)?.has('dataplane_driver') ?? false
  const config = toConfig(
    complete,
    peers,
    shownOptions(complete, peers, known),
    named,
    messagesOf(findings, 'warning'),
  )
  return { config, findings, settings, assignments }
}

/** By file and line; variables and arguments come last. */
function inOrder({ files }: ConfigText, findings: readonly ConfigFinding[]): ConfigFinding[] {
  const rank = ({ file }: ConfigFinding) => (files.includes(file) ? files.indexOf(file) : files.length)
  return findings.toSorted((a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0))
}

/** The options of each peer: from its section, else from [BGP]. */
function peersOf({ ofPeer }: Known, { BGP }: Settings, { ofPeers }: ReadValues): Peers {
  const common = { ...BGP, ...ofPeer.pick({ enabled: true, reflector_client: true }).parse({}) }
  const settings = new Map<string, PeerSettings>()
  const sections: string[] = []
  for (const name of [...BGP.peers.map(formatIp), ...BGP.reflector_clients.map(formatNetwork)]) {
    const own = ofPeers.get(`${PEER_SECTION}${name}`)
    settings.set(name, { ...common, ...own })
    if (own !== undefined) sections.push(name)
  }
  return { settings, sections }
}

/** All options in their displayed form. */
function shownOptions(settings: Settings, peers: Peers, { sections, peerOptions }: Known): ShownOptions {
  const shown = Object.entries(settings).map(
    ([section, values]) => [section, shownSection(sections.get(section)!, values)] as const,
  )
  const ofPeers = [...peers.settings].map(
    ([name, values]) => [name, shownSection(peerOptions, values)] as const,
  )
  return { sections: Object.fromEntries(shown), peers: Object.fromEntries(ofPeers) }
}

/**
 * As they can be read again, without references; with the name of an interface replaced by the address that is in effect: the interface may have
 * another one at the next reload.
 */
function assignmentsOf(known: Known, given: Given, settings: readonly ShownSetting[]): Assignment[] {
  return [...given].flatMap(([section, options]) =>
    [...options].map(([option, assignment]) => {
      const all = { ...assignment, section, option, value: literal(assignment.value) }
      if (!optionsIn(known, section).get(option)?.isLookedUp) return all
      const setting = settings.find((one) => one.section === section && one.option === option)
      return setting === undefined ? all : { ...all, value: String(setting.value) }
    }),
  )
}
