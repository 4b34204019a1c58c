import type { ListedOption } from '../api/config.ts'
import type { ReloadOutcome, ReloadReport } from '../api/reload.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { Config } from '../config/config.ts'
import { textOf } from '../config/ini.ts'
import { exposed } from '../config/key-file.ts'
import { interpret, type LoadedConfig } from '../config/load.ts'
import { reloaded } from '../config/reload.ts'
import { listedSettings } from '../config/shown-settings.ts'
import { type EventSink, errorOf } from '../events/event.ts'
import type { Logs } from '../log.ts'
import type { ApiAccess } from '../rest/access.ts'
import { formatIp } from '../values/address.ts'
import type { VpnConfig } from '../vpn/config.ts'
import { accessOf } from './api-access.ts'
import type { NodeForwarding } from './forwarding.ts'
import type { InputRecording } from './recording.ts'
import { reloadReport } from './reload-report.ts'
import { dynamicPeers, peerConfigs, speakerTimes } from './speaker.ts'

export interface ReloaderDependencies {
  readonly loaded: LoadedConfig
  /** Reads the configuration again. Throws ConfigError. */
  readonly load: () => LoadedConfig
  readonly speaker: Speaker
  /** The loop that programs the kernel. */
  readonly forwarding: Pick<NodeForwarding, 'setResync'>
  /** Shared with all EVPN instances, and changed in place. */
  readonly mobility: VpnConfig['mobility']
  readonly logs: Pick<Logs, 'configure'>
  readonly events: EventSink
  readonly recording: Pick<InputRecording, 'write'>
}

/** What is read, what of it applies now, and the difference to what runs. */
interface Plan {
  readonly next: LoadedConfig
  readonly report: ReloadReport
}

/** The running configuration, and its reloads: one at a time. */
export class Reloader {
  private readonly dependencies: ReloaderDependencies
  private running: LoadedConfig
  private turn: Promise<unknown> = Promise.resolve()
  /** Why the last reload was refused; none when it was not. */
  private findings: readonly string[] = []
  /** Who is answered by the API. */
  access: ApiAccess

  constructor(dependencies: ReloaderDependencies) {
    this.dependencies = dependencies
    this.running = dependencies.loaded
    this.access = accessOf(this.config.api)
  }

  /** The options in effect. */
  get config(): Config {
    return this.running.config
  }

  /** The same, with the source of each. */
  get options(): readonly ListedOption[] {
    return listedSettings(this.running.settings)
  }

  /** What an operator should know of the configuration, in sentences. */
  get problems(): readonly string[] {
    const refusals = this.findings.map(
      (finding) => `the last reload was refused, the configuration before it is in effect: ${finding}`,
    )
    return [...refusals, ...this.config.warnings, ...exposed(this.config.keyFiles)]
  }

  /** Reads the configuration again, and applies what needs no restart. Nothing changes if it cannot be used, or in a dry run. */
  readonly reload = ({ dryRun }: { readonly dryRun: boolean }): Promise<ReloadOutcome> => {
    const outcome = this.turn.then(() => this.run(dryRun))
    this.turn = outcome.catch(() => {})
    return outcome
  }

  private async run(dryRun: boolean): Promise<ReloadOutcome> {
    const { logs } = this.dependencies
    let plan: Plan
    try {
      plan = this.plan(dryRun)
      if (!dryRun) await logs.configure(plan.next.config.log)
    } catch (error) {
      const findings = errorOf(error).message.split('\n')
      if (!dryRun) this.refuse(findings)
      return { findings }
    }
    if (!dryRun) await this.apply(plan)
    return { report: plan.report }
  }

  private refuse(findings: readonly string[]): void {
    const { events } = this.dependencies
    this.findings = findings
    for (const reason of findings) events.emit({ type: 'config-refused', reason })
    events.emit({ type: 'reload-failed' })
  }

  private plan(dryRun: boolean): Plan {
    const { config, assignments } = this.running
    const read = this.dependencies.load()
    const merged = interpret(textOf(reloaded(assignments, read.assignments)))
    const next = { ...merged, config: { ...merged.config, warnings: read.warnings } }
    return { next, report: reloadReport(config, next.config, read, dryRun) }
  }

  private async apply({ next: { config, ...rest }, report }: Plan): Promise<void> {
    const { speaker, forwarding, mobility, recording } = this.dependencies
    const before = this.running.config
    this.running = { config, ...rest }
    this.access = accessOf(config.api)
    this.findings = []
    Object.assign(mobility, config.evpn.mobility)
    if (config.resyncSeconds !== before.resyncSeconds) forwarding.setResync(config.resyncSeconds * 1000)
    const [peers, clients, times] = [peerConfigs(config), dynamicPeers(config), speakerTimes(config)]
    recording.write({
      type: 'reload',
      peers,
      dynamicPeers: clients,
      times,
      mobility: config.evpn.mobility,
    })
    speaker.setTimes(times)
    const listening = speaker.setPeers(peers, clients)
    this.enable(before)
    this.emitChanges(report, before)
    await listening
  }

  /** Follows changes of `enabled`; commands of operators stay in force otherwise. */
  private enable(before: Config): void {
    const { speaker, recording } = this.dependencies
    const wasEnabled = new Map(before.bgp.peers.map(({ address, enabled }) => [address, enabled]))
    for (const { address, enabled } of this.config.bgp.peers) {
      if ((wasEnabled.get(address) ?? true) === enabled) continue
      const peer = speaker.peers.get(address)
      const reason = 'by the configuration'
      if (enabled) peer?.enable()
      else peer?.disable(reason)
      const action = enabled ? 'enable' : 'disable'
      recording.write({ type: 'order', peer: formatIp(address), action, reason })
    }
  }

  private emitChanges({ options, warnings }: ReloadReport, before: Config): void {
    const { events } = this.dependencies
    for (const { section, option, before, after, needs_restart } of options)
      events.emit({
        type: needs_restart ? 'option-needs-restart' : 'option-changed',
        option: `[${section}] ${option}`,
        before,
        after,
      })
    const known = new Set(exposed(before.keyFiles))
    const exposures = exposed(this.config.keyFiles).filter((exposure) => !known.has(exposure))
    for (const reason of [...warnings, ...exposures]) events.emit({ type: 'config-warning', reason })
    events.emit({ type: 'config-reloaded' })
  }
}
