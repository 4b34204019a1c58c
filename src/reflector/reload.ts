import type { Reload, ReloadReport } from '../api/reload.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { exposed, type KeyFile } from '../config/key-file.ts'
import { type EventSink, errorOf } from '../events/event.ts'
import { formatIp } from '../values/address.ts'
import { type ReflectorConfig, type ReflectorSecrets, speakerConfig } from './config.ts'

export interface ReflectorReloaderDependencies {
  readonly config: ReflectorConfig
  readonly secrets: ReflectorSecrets
  /** Reads the files again. Throws when one cannot be used. */
  readonly readSecrets: () => ReflectorSecrets
  readonly speaker: Speaker
  readonly events: EventSink
}

/** What the files of a reflector hold, and its reloads: arguments stay what they are. */
export class ReflectorReloader {
  secrets: ReflectorSecrets
  private readonly dependencies: ReflectorReloaderDependencies
  /** Why the last reload was refused; null when it was not. */
  private finding: string | null = null

  constructor(dependencies: ReflectorReloaderDependencies) {
    this.dependencies = dependencies
    this.secrets = dependencies.secrets
  }

  /** What an operator should know of the files, in sentences. */
  get problems(): readonly string[] {
    const { md5, token } = this.secrets
    const exposures = exposed([md5, token].flatMap((file) => (file === null ? [] : [file.path])))
    if (this.finding === null) return exposures
    return [`the last reload was refused, the files are used as they were: ${this.finding}`, ...exposures]
  }

  /** Reads the files again, and applies the difference. Nothing changes if one cannot be used, or in a dry run. */
  readonly reload: Reload = async ({ dryRun }) => {
    const { config, readSecrets, speaker, events } = this.dependencies
    let next: ReflectorSecrets
    try {
      next = readSecrets()
    } catch (error) {
      const { message: reason } = errorOf(error)
      if (!dryRun) this.refuse(reason)
      return { findings: [reason] }
    }
    const report = reportOf(config, this.secrets, next, dryRun)
    if (dryRun) return { report }
    this.secrets = next
    this.finding = null
    const { peers, dynamicPeers } = speakerConfig(config, next)
    const listening = speaker.setPeers(peers, dynamicPeers)
    for (const { option, before, after } of report.options)
      events.emit({ type: 'option-changed', option: `--${option}`, before, after })
    events.emit({ type: 'config-reloaded' })
    await listening
    return { report }
  }

  private refuse(reason: string): void {
    const { events } = this.dependencies
    this.finding = reason
    events.emit({ type: 'config-refused', reason })
    events.emit({ type: 'reload-failed' })
  }
}

/** The difference between what the files held and hold, by the arguments that name them. */
function reportOf(
  { peers, clients }: ReflectorConfig,
  before: ReflectorSecrets,
  after: ReflectorSecrets,
  dryRun: boolean,
): ReloadReport {
  const names = [...peers.map(formatIp), ...clients.map(({ ip, length }) => `${formatIp(ip)}/${length}`)]
  const key = fileChange('md5-key-file', before.md5, after.md5)
  const token = fileChange('api-token-file', before.token, after.token)
  return {
    dry_run: dryRun,
    peers: key.flatMap((change) =>
      names.map((peer) => ({ peer, change: 'changed' as const, resets_session: true, options: [change] })),
    ),
    options: token.map((change) => ({ section: 'arguments', ...change, needs_restart: false })),
    warnings: [],
  }
}

function fileChange(option: string, before: KeyFile | null, after: KeyFile | null) {
  if (before?.key === after?.key) return []
  return [{ option, before: before?.path ?? null, after: `${after?.path}, with other content` }]
}
