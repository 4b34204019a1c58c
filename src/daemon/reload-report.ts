import type { ReloadReport } from '../api/reload.ts'
import { effectOf, type PeerConfig } from '../bgp/session/peer-config.ts'
import type { Config } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'
import { type PeerChange, peerChanges, type SectionChange, sectionChanges } from '../config/reload.ts'
import { formatNetwork } from '../config/types.ts'
import { formatIp } from '../values/address.ts'
import { dynamicPeersOf, peerConfigs } from './speaker.ts'

/** The difference between two configurations in effect; `read` is what is written, of which some needs a restart. */
export function reloadReport(
  before: Config,
  after: Config,
  read: LoadedConfig,
  dryRun: boolean,
): ReloadReport {
  const [old, fresh] = [configsOf(before), configsOf(after)]
  const changes = withKeys(peerChanges(before.shown, after.shown), old, fresh, before)
  return {
    dry_run: dryRun,
    peers: changes.map(({ peer, change, options }) => {
      const [one, other] = [old.get(peer), fresh.get(peer)]
      const resets = one !== undefined && other !== undefined && effectOf(one, other) === 'reset'
      return { peer, change, resets_session: resets, options: options.map(shown) }
    }),
    options: withFiles(sectionChanges(before.shown, read.config.shown), before, after).map(
      ({ section, needsRestart, ...change }) => ({ section, ...shown(change), needs_restart: needsRestart }),
    ),
    warnings: read.warnings,
  }
}

function shown<Change extends { readonly before: unknown; readonly after: unknown }>(change: Change): Change {
  return { ...change, before: change.before ?? null, after: change.after ?? null }
}

/** By the names of peers and of prefixes of peers. */
function configsOf(config: Config): ReadonlyMap<string, PeerConfig> {
  const peers = peerConfigs(config).map((peer) => [formatIp(peer.address), peer] as const)
  const prefixes = config.bgp.dynamicPeers.map((one) => {
    const { prefix, template } = dynamicPeersOf(config, one)
    return [formatNetwork(one.network), { ...template, address: prefix.ip, passive: true }] as const
  })
  return new Map([...peers, ...prefixes])
}

/** Adds the peers whose key file holds another key now. */
function withKeys(
  changes: readonly PeerChange[],
  before: ReadonlyMap<string, PeerConfig>,
  after: ReadonlyMap<string, PeerConfig>,
  { shown: { peers } }: Config,
): PeerChange[] {
  const all = new Map(changes.map((change) => [change.peer, change]))
  for (const [peer, { md5Key }] of after) {
    const former = before.get(peer)
    const change = all.get(peer) ?? { peer, change: 'changed', options: [] }
    if (former === undefined || former.md5Key === md5Key) continue
    if (change.options.some(({ option }) => option === 'md5_key_file')) continue
    const path = String(peers[peer]?.['md5_key_file'])
    const options = [
      ...change.options,
      { option: 'md5_key_file', before: path, after: `${path}, with another key` },
    ]
    all.set(peer, { ...change, options })
  }
  return [...all.values()]
}

/** Adds the options of [API] whose file holds something else now. */
function withFiles(
  changes: readonly SectionChange[],
  { api: before }: Config,
  { api: after }: Config,
): SectionChange[] {
  const files = [
    ['token_file', before.token?.path, before.token?.key, after.token?.key],
    ...(['certificate', 'key', 'clientCa'] as const).map((name) => {
      const [one, other] = [before.tls?.[name], after.tls?.[name]]
      return [TLS_OPTIONS[name], one?.path, one?.text, other?.text] as const
    }),
  ] as const
  const added = files.flatMap(([option, path, one, other]): SectionChange[] => {
    const isNamed = changes.some((change) => change.section === 'API' && change.option === option)
    if (isNamed || one === other) return []
    return [
      { section: 'API', option, before: path, after: `${path}, with other content`, needsRestart: false },
    ]
  })
  return [...changes, ...added]
}

const TLS_OPTIONS = {
  certificate: 'tls_cert_file',
  key: 'tls_key_file',
  clientCa: 'tls_client_ca_file',
} as const
