import { isDeepStrictEqual } from 'node:util'
import type { ShownOptions } from './config.ts'
import type { Assignment } from './ini.ts'
import { knownOptions } from './known.ts'
import { PEER_SECTION, type Settings } from './schema.ts'

/** An option whose displayed value has changed; an absent value is undefined. */
export interface OptionChange {
  readonly option: string
  readonly before: unknown
  readonly after: unknown
}

/** The same of a section. */
export interface SectionChange extends OptionChange {
  readonly section: string
  /** It takes effect when the daemon starts again. */
  readonly needsRestart: boolean
}

/** A peer or a prefix of peers that was added, was removed, or has other options. */
export interface PeerChange {
  readonly peer: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly options: readonly OptionChange[]
}

type Live = { readonly [Section in keyof Settings]?: readonly (keyof Settings[Section])[] }

/** Options that a reload applies, besides those of sections of peers. */
export const LIVE = {
  BGP: [
    'peers',
    'reflector_clients',
    'peer_as',
    'ebgp_policy',
    'passive',
    'bgp_port',
    'hold_time',
    'connect_retry_time',
    'md5_key_file',
    'ttl_security_hops',
    'max_prefixes',
    'add_path',
    'graceful_restart_time',
    'headless_time',
    'vanished_time',
  ],
  API: [
    'token_file',
    'tls_cert_file',
    'tls_key_file',
    'tls_client_ca_file',
    'allowed_hosts',
    'request_rate',
    'unprotected',
  ],
  DATAPLANE_DRIVER_EVPN: ['mac_duplicate_moves', 'mac_duplicate_window', 'mac_duplicate_recovery'],
  DEFAULT: [
    'resync_interval',
    'debug',
    'log_file',
    'log_dir',
    'watch_log_file',
    'log_rotation_type',
    'max_logfile_size_mb',
    'max_logfile_count',
    'log_rotate_interval',
    'log_rotate_interval_type',
    'use_stderr',
    'use_syslog',
    'syslog_log_facility',
    'use_journal',
  ],
} as const satisfies Live

function isLive(section: string, option: string): boolean {
  if (section.startsWith(PEER_SECTION)) return true
  return (LIVE as Readonly<Record<string, readonly string[]>>)[section]?.includes(option) ?? false
}

/** The assignments that are in effect after a reload: of live options those that were read, of all others those of the start. */
export function reloaded(running: readonly Assignment[], read: readonly Assignment[]): Assignment[] {
  return [
    ...running.filter(({ section, option }) => !isLive(section, option)),
    ...read.filter(({ section, option }) => isLive(section, option)),
  ]
}

/** Options whose changes are those of peers. */
const NAMING_PEERS: readonly string[] = ['peers', 'reflector_clients']

/** The changed options, except those that name peers, and those that nothing reads. */
export function sectionChanges(before: ShownOptions, after: ShownOptions): SectionChange[] {
  const known = knownOptions({}).sections
  const sections = new Set([...Object.keys(before.sections), ...Object.keys(after.sections)])
  return [...sections].flatMap((section) =>
    optionChanges(before.sections[section], after.sections[section])
      .filter(({ option }) => !NAMING_PEERS.includes(option) && !known.get(section)?.get(option)?.unused)
      .map((change) => ({ section, ...change, needsRestart: !isLive(section, change.option) })),
  )
}

/** The changed peers and prefixes of peers. */
export function peerChanges({ peers: before }: ShownOptions, { peers: after }: ShownOptions): PeerChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.flatMap((peer): PeerChange[] => {
    if (before[peer] === undefined) return [{ peer, change: 'added', options: [] }]
    if (after[peer] === undefined) return [{ peer, change: 'removed', options: [] }]
    const options = optionChanges(before[peer], after[peer])
    return options.length === 0 ? [] : [{ peer, change: 'changed', options }]
  })
}

function optionChanges(
  before: Readonly<Record<string, unknown>> = {},
  after: Readonly<Record<string, unknown>> = {},
): OptionChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names
    .filter((option) => !isDeepStrictEqual(before[option], after[option]))
    .map((option) => ({ option, before: before[option], after: after[option] }))
}
