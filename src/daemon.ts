import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Speaker } from './bgp/speaker.ts'
import { systemClock } from './clock.ts'
import type { Config } from './config/config.ts'
import { exposed } from './config/key-file.ts'
import type { LoadedConfig } from './config/load.ts'
import { type NodeForwarding, openForwarding } from './daemon/forwarding.ts'
import { emitLacks, lacksOf } from './daemon/privileges.ts'
import { type InputRecording, openRecording } from './daemon/recording.ts'
import { Reloader } from './daemon/reload.ts'
import { type KeptState, keepState, openState } from './daemon/saved-state.ts'
import { disablePeers, newSpeaker } from './daemon/speaker.ts'
import { daemonViews, type StartTimes } from './daemon/views.ts'
import { vpnConfigOf } from './daemon/vpn-config.ts'
import type { DaemonEvent, EventBus, EventSink } from './events/event.ts'
import { descriptorLimit, requireDescriptors } from './linux/descriptors.ts'
import { awaitMachine, type MachineLock } from './linux/lock.ts'
import { giveBackMemory } from './linux/memory.ts'
import { tcpTransport } from './linux/tcp.ts'
import { keepUnixSocket, listenOnUnixSocket, type UnixSocket } from './linux/unix-socket.ts'
import type { Logs } from './log.ts'
import { EventCounters } from './rest/metrics/event-counters.ts'
import { newPing } from './rest/ping.ts'
import { listenAt, restServer } from './rest/server.ts'
import { formatIp } from './values/address.ts'
import { VERSION } from './version.ts'
import type { VpnConfig } from './vpn/config.ts'
import { VpnService } from './vpn/service.ts'
import type { Keep, StateChange } from './vpn/state.ts'

/** A daemon ends its sessions and its writes within less when it is stopped. */
const PATIENCE_MS = 5000

export interface Daemon {
  /** Resolves while all loops work. */
  alive(): Promise<unknown>
  /** Its state in a few words. */
  status(): string
  /** Ends the sessions with a Cease and everything else with them; the kernel's forwarding stays. */
  close(): Promise<void>
  /** Reads the configuration again; absent where there is none. */
  reload?(): Promise<unknown>
}

export interface DaemonOptions {
  /** Reads the configuration again. Throws ConfigError. */
  readonly load: () => LoadedConfig
  /** Start with an empty state, whatever the state file holds. */
  readonly fresh?: boolean
  /** File that all input is appended to; null for none. */
  readonly record?: string | null
}

/** Starts every part of the daemon; resolves when it is ready. Throws when a part cannot start. */
export async function runDaemon(
  loaded: LoadedConfig,
  logs: Logs,
  { load, fresh = false, record = null }: DaemonOptions,
): Promise<Daemon> {
  const { config } = loaded
  const { events } = logs
  requireDescriptors(config.bgp.peers.length)
  const started = { monotonicMs: systemClock.now(), epochMs: systemClock.epoch() }
  const counters = new EventCounters()
  events.read(counters.read)
  for (const reason of exposed(config.keyFiles)) events.emit({ type: 'config-warning', reason })
  emitLacks(lacksOf(config), events)

  const lock = await lockMachine(config, events)
  const recording = openRecording(record, events)
  const kept = await openState(config, events, fresh)
  const core = await openCore(config, events, kept, recording)
  const { forwarding, speaker, vpnConfig, vpns } = core
  const { mobility } = vpnConfig
  const reloader = new Reloader({ loaded, load, speaker, forwarding, mobility, logs, events, recording })
  const rest = apiOf({ core, reloader, logs, counters, recording, stateFile: kept.health, started })

  const leaveSocket = await start(core, rest, config, events, recording)
  const stopGivingBack = giveBackMemory(systemClock)
  events.emit(readyWith(config))

  return {
    alive: () => forwarding.view.counts(),
    status: () => `${speaker.sessionCounts}, ${vpns.instances.size} VPN instances`,
    reload: () => reloader.reload({ dryRun: false }),
    async close() {
      stopGivingBack()
      leaveSocket()
      speaker.stop('chanter is stopping')
      await forwarding.stop()
      await rest.close()
      await kept.store.close()
      await recording.flush(PATIENCE_MS)
      lock?.release()
    },
  }
}

/** BGP, VPN instances and forwarding, not started yet. */
interface Core {
  readonly forwarding: NodeForwarding
  readonly speaker: Speaker
  readonly vpnConfig: VpnConfig
  readonly vpns: VpnService
  /** Saves what has changed. */
  readonly keep: Keep
}

/** Makes the core, and restores what an earlier process kept. */
async function openCore(
  config: Config,
  events: EventBus,
  kept: KeptState,
  recording: InputRecording,
): Promise<Core> {
  const { state, former, work } = kept
  const forwarding = openForwarding(config, events, work)
  const environment = {
    clock: systemClock,
    random: recording.random,
    transport: recording.transport(tcpTransport),
    events,
  }
  const speaker = newSpeaker(config, state, environment, () => forwarding.complete())
  const vpnConfig = vpnConfigOf(config, events)
  recording.begin({ chanter: VERSION, speaker: speaker.config, vpn: vpnConfig, state, former })

  const changes = (): Iterable<StateChange> => vpns.changes()
  const keep: Keep = keepState(kept, () => forwarding.programs(), changes)
  const vpns = new VpnService(vpnConfig, speaker, forwarding.dataplanes(recording.dataplane), events, keep)
  if (state !== null) await vpns.restore(state)
  if (former !== null) vpns.recall(former)
  return { forwarding, speaker, vpnConfig, vpns, keep }
}

/** What the API shows and changes. */
interface ApiSources {
  readonly core: Core
  readonly reloader: Reloader
  readonly logs: Logs
  readonly counters: EventCounters
  readonly recording: InputRecording
  readonly stateFile: KeptState['health']
  readonly started: StartTimes
}

/** The API, which does not listen yet. */
function apiOf({ core, reloader, logs, counters, recording, stateFile, started }: ApiSources) {
  const { forwarding, speaker, vpnConfig, vpns } = core
  return restServer({
    vpns: recording.attachments(vpns),
    reload: reloader.reload,
    options: () => reloader.options,
    ping: newPing(),
    descriptors: descriptorLimit(),
    log: logs.log.child({ part: 'rest' }, { level: 'warn' }),
    events: logs.events,
    counters,
    access: () => reloader.access,
    views: daemonViews({
      config: () => reloader.config,
      configProblems: () => reloader.problems,
      vpnConfig,
      speaker,
      services: { vpns, dataplane: forwarding.view, stateFile },
      logs,
      clock: systemClock,
      started,
    }),
  })
}

/** Forwarding first, sessions last: what an earlier process kept is in the desired state by then. Returns a function that leaves the API's socket to others. */
async function start(
  { forwarding, speaker, keep }: Core,
  rest: FastifyInstance,
  config: Config,
  events: EventSink,
  recording: InputRecording,
): Promise<() => void> {
  forwarding.start()
  const leaveSocket = await listen(rest, config, forwarding, events)
  disablePeers(config, speaker, recording)
  void keep('synced')
  recording.write({ type: 'started' })
  await speaker.start()
  return leaveSocket
}

/** One daemon programs a kernel, and keeps a state; a stopping one is waited for. */
async function lockMachine(
  { usesKernel, stateFile }: Config,
  events: EventSink,
): Promise<MachineLock | null> {
  if (!usesKernel) return null
  const waiting = (why: string) => events.emit({ type: 'lock-awaited', why })
  const lock = await awaitMachine({ stateFile, create: true }, { patienceMs: PATIENCE_MS, waiting })
  for (const reason of lock.warnings) events.emit({ type: 'lock-failed', reason })
  return lock
}

/** Opens the API; forwarding ends where that fails. Returns a function that ends what keeps its socket. */
async function listen(
  rest: FastifyInstance,
  { api: { host, port, socket } }: Config,
  forwarding: NodeForwarding,
  events: EventSink,
): Promise<() => void> {
  try {
    await rest.ready()
    if (socket !== null) await listenOnUnixSocket(rest.fileServer, socket)
    if (socket !== null) events.emit({ type: 'api-listening', address: socket.path, port: null })
    if (host !== null) await listenAt(rest, { host, port }, events)
    return socket === null ? () => {} : keepSocket(rest.fileServer, socket, events)
  } catch (error) {
    await rest.close()
    await forwarding.stop()
    throw error
  }
}

function keepSocket(server: Server, socket: UnixSocket, events: EventSink): () => void {
  const { path } = socket
  return keepUnixSocket(server, socket, systemClock.after, {
    removed: () => events.emit({ type: 'api-socket-removed', path }),
    restored: () => events.emit({ type: 'api-listening', address: path, port: null }),
    failed: (reason) => events.emit({ type: 'api-socket-failed', path, reason }),
  })
}

function readyWith({ api, bgp, evpn, ipvpn }: Config): DaemonEvent {
  const peers = bgp.peers.map(({ address }) => formatIp(address))
  return { type: 'ready', api, peers, driver: evpn.driver, ipvpn: ipvpn.driver }
}
