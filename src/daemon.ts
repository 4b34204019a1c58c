import { networkInterfaces, release } from 'node:os'
import { EVPN, type Family, ROUTE_TARGET, VPNV4, VPNV6 } from './bgp/family.ts'
import { maskPrefix } from './bgp/nlri/prefix.ts'
import { SPEAKER_DEFAULTS, Speaker } from './bgp/speaker.ts'
import { formatTunnelType } from './bgp/values/extended-community.ts'
import { PersistentClock, systemClock } from './clock.ts'
import type { Config } from './config/config.ts'
import { exposed } from './config/key-file.ts'
import { type Forwarding, kernelForwarding, localForwarding } from './dataplane/forwarding.ts'
import { LinuxDriver } from './dataplane/linux/driver.ts'
import { hasMpls } from './dataplane/linux/sysctl.ts'
import { MemoryDriver } from './dataplane/memory/driver.ts'
import type { Dataplane, FormerWork } from './dataplane/model.ts'
import { noMpls } from './dataplane/refusal.ts'
import { type EventBus, type EventSink, errorOf } from './events/event.ts'
import { isThisKernel, kernelIdentity } from './linux/kernel.ts'
import { awaitMachine, type MachineLock } from './linux/lock.ts'
import { giveBackMemory } from './linux/memory.ts'
import { netAdminRefusal, settingsRefusal } from './linux/privileges.ts'
import { tcpTransport } from './linux/tcp.ts'
import type { Logger, Logs } from './log.ts'
import { LogOutput } from './log-output.ts'
import { Recorder } from './record/recorder.ts'
import { EventCounters } from './rest/metrics/event-counters.ts'
import { newPing } from './rest/ping.ts'
import { restServer } from './rest/server.ts'
import { formatIp, type Ip, parseIp } from './values/address.ts'
import { VERSION } from './version.ts'
import { Dataplanes } from './vpn/dataplanes.ts'
import { formerWork } from './vpn/former-work.ts'
import type { VpnConfig } from './vpn/instances.ts'
import { tunnelTypeOf } from './vpn/instances.ts'
import { isOwnedName } from './vpn/names.ts'
import type { VpnType } from './vpn/request.ts'
import { VpnService } from './vpn/service.ts'
import { type Keep, readvertises, type SavedState, type StateChange } from './vpn/state.ts'
import { StateFile, type StateFileHealth } from './vpn/state-file.ts'

/** Clients of a prefix that a reflecting daemon takes at most. */
const MAX_CLIENTS = 1000
/** A daemon ends its sessions and its writes within less when it is told to stop. */
const PATIENCE_MS = 5000
/** Octets of a recording that wait to be written; lines beyond are dropped. */
const RECORDING_OCTETS = 64 * 2 ** 20
/** Whatever the drivers: a dummy advertises what it is given. */
const FAMILIES: readonly Family[] = [EVPN, VPNV4, VPNV6]

export interface Daemon {
  /** Ends the sessions with a Cease and everything else with them; the kernel's forwarding stays. */
  stop(): Promise<void>
}

export interface DaemonOptions {
  /** Begin with nothing, whatever the state file says. */
  readonly fresh?: boolean
  /** File that all input is appended to; null for none. */
  readonly record?: string | null
}

/** Starts every part of the daemon; resolves when it is ready. Throws when a part cannot start. */
export async function runDaemon(
  config: Config,
  { log, events, output, recent }: Logs,
  { fresh = false, record = null }: DaemonOptions = {},
): Promise<Daemon> {
  const clock = systemClock
  const started = clock.now()
  const counters = new EventCounters()
  events.read(counters.read)
  for (const exposure of exposed(config.keyFiles)) log.warn(exposure)
  const startTime = clock.epoch()
  const lock = await lockFor(config, log)
  const recording = record === null ? null : openRecording(record, events)
  const kept = openState(config, events, fresh)
  const forwarding = openForwarding(config, events, formerWork(kept.state))
  const dummy = openDummy(config, events)
  const { bgp, evpn, ipvpn } = config
  const lacks = (type: VpnType) => {
    if (config[type].driver !== 'linux') return null
    const missing = netAdminRefusal()
    if (missing !== null || type === 'evpn') return missing
    return hasMpls() ? settingsRefusal() : noMpls.text
  }
  const speaker = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: bgp.asNumber,
      identifier: bgp.identifier,
      localAddress: bgp.localAddress,
      listenPort: bgp.listenPort,
      routeTargetConstraint: bgp.routeTargetConstraint,
      clusterId: bgp.reflector ? bgp.identifier : null,
      headlessSeconds: bgp.headlessSeconds,
      vanishedSeconds: bgp.vanishedSeconds,
      restart: {
        timeSeconds: bgp.gracefulRestartSeconds,
        families: bgp.gracefulRestartSeconds > 0 ? FAMILIES : [],
        isRestart: kept.state !== null,
        holdsEndOfRib: false,
        followsOthers: kept.state !== null && readvertises(kept.state),
      },
      peers: bgp.peers.map((peer) => ({ ...peer, families: offeredFamilies(peer) })),
      dynamicPeers: bgp.dynamicPeers
        .filter(({ enabled }) => enabled)
        .map(({ network: { ip, prefixLength: length }, ...peer }) => ({
          prefix: { ip: maskPrefix(ip, length), length },
          template: { ...peer, families: offeredFamilies(peer) },
          limit: MAX_CLIENTS,
        })),
    },
    {
      clock,
      random: recording?.recorder.random ?? Math.random,
      transport: recording?.recorder.transport(tcpTransport) ?? tcpTransport,
      events,
    },
    () => {
      forwarding.complete()
      dummy?.complete()
    },
  )
  const keep: Keep = (durability) => {
    const take = (): StateChange[] => [
      { kind: 'daemon', id: '', value: { kernel: kept.kernel } },
      { kind: 'programs', id: '', value: forwarding.programs() },
      ...vpns.changes(),
    ]
    return kept.store.save(take, durability)
  }
  const vpnConfig: VpnConfig = {
    bgpAddress: bgp.localAddress,
    identifier: bgp.identifier,
    vtep: evpn.localAddress,
    vxlanPort: evpn.vxlanPort,
    mobility: evpn.mobility,
    vtepNetworks: bgp.vtepNetworks,
    vxlanMtu: evpn.vxlanMtu,
    neighSuppress: evpn.neighSuppress,
    requireIsolation: evpn.requireIsolation,
    underlay: vxlanUnderlay(config, log),
    ipvpn: {
      address: ipvpn.localAddress,
      transport: ipvpn.transport,
      fromAnyone: ipvpn.fromAnyone,
      underlay: interfaceWith(ipvpn.localAddress) ?? null,
    },
    ranges: ipvpn.ranges,
    drivers: { evpn: evpn.driver, ipvpn: ipvpn.driver },
    lacks,
  }
  recording?.recorder.begin({
    chanter: VERSION,
    speaker: speaker.config,
    vpn: vpnConfig,
    state: kept.state,
    former: kept.former,
  })
  const recorded = (dataplane: Dataplane) => recording?.recorder.dataplane(dataplane) ?? dataplane
  const vpns = new VpnService(
    vpnConfig,
    speaker,
    dataplanesOf(config, recorded(forwarding.dataplane), dummy === null ? null : recorded(dummy.dataplane)),
    events,
    keep,
  )
  if (kept.state !== null) await vpns.restore(kept.state)
  if (kept.former !== null) vpns.recall(kept.former)
  const rest = restServer({
    vpns: recording?.recorder.attachments(vpns) ?? vpns,
    ping: newPing(),
    log: log.child({ part: 'rest' }),
    events,
    counters,
    views: {
      speaker,
      services: {
        vpns,
        dataplane: forwarding.view,
        stateFile: kept.health,
        drivers: {
          evpn: {
            name: evpn.driver,
            config: config.effective['DATAPLANE_DRIVER_EVPN'],
            localAddress: formatIp(evpn.localAddress),
            kernelRelease: release(),
            encapsulations: ['encap:VXLAN'],
            lacks: () => lacks('evpn'),
          },
          ipvpn: {
            name: ipvpn.driver,
            config: config.effective['DATAPLANE_DRIVER_IPVPN'],
            localAddress: formatIp(ipvpn.localAddress),
            kernelRelease: release(),
            encapsulations: [`encap:${formatTunnelType(tunnelTypeOf(ipvpn.transport))}`],
            lacks: () => lacks('ipvpn'),
          },
        },
      },
      config: config.effective,
      version: VERSION,
      startTime,
      now: () => clock.epoch(),
      uptimeMs: () => clock.now() - started,
      recentLog: () => recent.newestFirst(),
      logHealth: () => output.health(),
      exposures: () => exposed(config.keyFiles),
    },
  })

  forwarding.start()
  dummy?.start()
  try {
    await rest.listen({ host: config.api.host, port: config.api.port })
  } catch (error) {
    await forwarding.stop()
    await dummy?.stop()
    throw error
  }
  for (const { address, enabled } of bgp.peers) {
    if (enabled) continue
    const reason = 'by the configuration'
    speaker.peers.get(address)?.disable(reason)
    recording?.recorder.write({ type: 'order', peer: formatIp(address), action: 'disable', reason })
  }
  void keep('synced')
  recording?.recorder.write({ type: 'started' })
  await speaker.start()
  const peers = bgp.peers.map(({ address }) => formatIp(address))
  const stopGivingBack = giveBackMemory(clock)
  log.info({ api: config.api, peers, driver: evpn.driver, ipvpn: ipvpn.driver }, 'ready')

  return {
    async stop() {
      stopGivingBack()
      speaker.stop('chanter is stopping')
      await forwarding.stop()
      await dummy?.stop()
      await rest.close()
      await kept.store.close()
      await recording?.output.flush(PATIENCE_MS)
      lock?.release()
    },
  }
}

/** Throws when the file cannot be opened. */
function openRecording(path: string, events: EventBus): { recorder: Recorder; output: LogOutput } {
  try {
    const output = new LogOutput(path, RECORDING_OCTETS)
    const recorder = new Recorder({ clock: systemClock, output, events })
    events.read(recorder.read)
    return { recorder, output }
  } catch (error) {
    throw new Error(`the recording cannot be opened: ${error instanceof Error ? error.message : error}`)
  }
}

/** One daemon programs a kernel, and keeps a state; one that is on its way out is waited for. */
async function lockFor({ usesKernel, stateFile }: Config, log: Logger): Promise<MachineLock | null> {
  if (!usesKernel) return null
  const waiting = (why: string) => log.info({ why }, 'waiting for another daemon to end')
  const lock = await awaitMachine({ stateFile, create: true }, { patienceMs: PATIENCE_MS, waiting })
  for (const warning of lock.warnings) log.warn(warning)
  return lock
}

/** The state file and what is in it; without forwarding in a kernel there is nothing that could go on. */
function openState(config: Config, events: EventSink, fresh: boolean): KeptState {
  const { stateFile } = config
  const kernel = kernelIdentity()
  if (stateFile === null || !config.usesKernel) {
    return { kernel, store: NO_STORE, health: null, ...NOTHING_KEPT }
  }
  const store = new StateFile(stateFile, systemClock, events)
  const health = () => store.health()
  const state = fresh ? null : store.load()
  if (state === null) return { kernel, store, health, ...NOTHING_KEPT }
  if (!isThisKernel(state.kernel)) {
    events.emit({ type: 'state-of-another-boot', file: stateFile })
    return { kernel, store, health, ...NOTHING_KEPT, former: state }
  }
  const attachments = state.instances.reduce((sum, one) => sum + one.attachments.length, 0)
  const instances = state.instances.length
  events.emit({ type: 'state-restored', file: stateFile, instances, attachments })
  return { kernel, store, health, state, former: null }
}

interface KeptState {
  readonly kernel: string
  readonly store: Pick<StateFile, 'save' | 'close'>
  /** Null when nothing is kept. */
  readonly health: (() => StateFileHealth) | null
  readonly state: SavedState | null
  /** Of another boot or network namespace. */
  readonly former: SavedState | null
}

const NO_STORE: KeptState['store'] = { save: async () => {}, close: async () => {} }
const NOTHING_KEPT = { state: null, former: null }

function openForwarding(
  { usesKernel, ipvpn, resyncSeconds, forwardingThread }: Config,
  events: EventSink,
  former: FormerWork,
): Forwarding {
  if (!usesKernel) return inMemory(events, ipvpn.ranges.vrfPrefix)
  const { managesRules } = ipvpn
  const resyncMs = resyncSeconds * 1000
  if (!forwardingThread) {
    const clock = loopClock(events)
    const driver = new LinuxDriver({ clock, former, managesRules })
    return localForwarding({ clock, events, driver, resyncMs })
  }
  const died = (reason: string) => {
    throw new Error(reason)
  }
  return kernelForwarding({ clock: systemClock, events, former, managesRules, resyncMs, died })
}

/** For the type whose driver is a dummy beside one that is in the kernel; null where both are of a kind. */
function openDummy({ evpn, ipvpn }: Config, events: EventSink): Forwarding | null {
  for (const [vpn, { driver }] of Object.entries({ evpn, ipvpn }))
    if (driver === 'dummy') events.emit({ type: 'dummy-driver', vpn })
  return evpn.driver === ipvpn.driver ? null : inMemory(events, ipvpn.ranges.vrfPrefix)
}

function inMemory(events: EventSink, vrfPrefix: string): Forwarding {
  const clock = loopClock(events)
  const driver = new MemoryDriver(clock, { pretend: (name) => !isOwnedName(name, vrfPrefix) })
  return localForwarding({ clock, events, driver })
}

const loopClock = (events: EventSink) =>
  new PersistentClock(systemClock, (error) => events.emit({ type: 'loop-failed', error: errorOf(error) }))

function dataplanesOf({ evpn }: Config, dataplane: Dataplane, dummy: Dataplane | null): Dataplanes {
  if (dummy === null) return Dataplanes.shared(dataplane)
  return evpn.driver === 'linux'
    ? new Dataplanes({ evpn: dataplane, ipvpn: dummy }, 'evpn')
    : new Dataplanes({ evpn: dummy, ipvpn: dataplane }, 'ipvpn')
}

/** The interface with an address of ours; null on the loopback, whose MTU says nothing of the network, and undefined where there is none. */
function interfaceWith(ip: Ip): string | null | undefined {
  for (const [label, addresses] of Object.entries(networkInterfaces())) {
    const own = addresses?.find(({ address }) => parseIp(address) === ip)
    if (own !== undefined) return own.internal ? null : (label.split(':')[0] ?? null)
  }
  return undefined
}

function vxlanUnderlay({ evpn }: Config, log: Logger): string | null {
  const underlay = interfaceWith(evpn.localAddress)
  if (underlay === undefined && evpn.driver === 'linux')
    log.warn(
      { address: formatIp(evpn.localAddress) },
      'no interface has the VTEP address: MTU of VXLAN is 1500',
    )
  return underlay ?? null
}

function offeredFamilies(peer: { readonly routeTargetConstraint: boolean }): readonly Family[] {
  return peer.routeTargetConstraint ? [...FAMILIES, ROUTE_TARGET] : FAMILIES
}
