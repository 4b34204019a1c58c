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
import type { FormerWork } from './dataplane/model.ts'
import { noMpls } from './dataplane/refusal.ts'
import { type EventSink, errorOf } from './events/event.ts'
import { isThisKernel, kernelIdentity } from './linux/kernel.ts'
import { awaitMachine, type MachineLock } from './linux/lock.ts'
import { giveBackMemory } from './linux/memory.ts'
import { netAdminRefusal, settingsRefusal } from './linux/privileges.ts'
import { tcpTransport } from './linux/tcp.ts'
import type { Logger, Logs } from './log.ts'
import { EventCounters } from './rest/metrics/event-counters.ts'
import { newPing } from './rest/ping.ts'
import { restServer } from './rest/server.ts'
import { formatIp, type Ip, parseIp } from './values/address.ts'
import { VERSION } from './version.ts'
import { formerWork } from './vpn/former-work.ts'
import { tunnelTypeOf, type VpnConfig } from './vpn/instances.ts'
import { isOwnedName } from './vpn/names.ts'
import { VPN_TYPES, type VpnType } from './vpn/request.ts'
import { VpnService } from './vpn/service.ts'
import { type Keep, readvertises, type SavedState, type StateChange } from './vpn/state.ts'
import { StateFile, type StateFileHealth } from './vpn/state-file.ts'

/** Clients of a prefix that a reflecting daemon takes at most. */
const MAX_CLIENTS = 1000
/** A daemon ends its sessions and its writes within less when it is told to stop. */
const PATIENCE_MS = 5000

export interface Daemon {
  /** Ends the sessions with a Cease and everything else with them; the kernel's forwarding stays. */
  stop(): Promise<void>
}

export interface DaemonOptions {
  /** Begin with nothing, whatever the state file says. */
  readonly fresh?: boolean
}

/** Starts every part of the daemon; resolves when it is ready. Throws when a part cannot start. */
export async function runDaemon(
  config: Config,
  { log, events, output, recent }: Logs,
  { fresh = false }: DaemonOptions = {},
): Promise<Daemon> {
  const clock = systemClock
  const started = clock.now()
  const counters = new EventCounters()
  events.read(counters.read)
  for (const exposure of exposed(config.keyFiles)) log.warn(exposure)
  const startTime = clock.epoch()
  const lock = await lockFor(config, log)
  const kept = openState(config, events, fresh)
  const forwarding = openForwarding(config, events, formerWork(kept.state))
  const { bgp, evpn, ipvpn } = config
  const lacks = (type: VpnType) => {
    if (config[type].driver !== 'linux') return null
    const missing = netAdminRefusal()
    if (missing !== null || type === 'evpn') return missing
    return hasMpls() ? settingsRefusal() : noMpls.text
  }
  const families = servedFamilies(config)
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
        families: bgp.gracefulRestartSeconds > 0 ? families : [],
        isRestart: kept.state !== null,
        holdsEndOfRib: false,
        followsOthers: kept.state !== null && readvertises(kept.state),
      },
      peers: bgp.peers.map((peer) => ({ ...peer, families: offeredFamilies(families, peer) })),
      dynamicPeers: bgp.dynamicPeers
        .filter(({ enabled }) => enabled)
        .map(({ network: { ip, prefixLength: length }, ...peer }) => ({
          prefix: { ip: maskPrefix(ip, length), length },
          template: { ...peer, families: offeredFamilies(families, peer) },
          limit: MAX_CLIENTS,
        })),
    },
    { clock, random: Math.random, transport: tcpTransport, events },
    () => forwarding.complete(),
  )
  const keep: Keep = (durability) => {
    const take = (): StateChange[] => [
      { kind: 'daemon', id: '', value: { kernel: kept.kernel } },
      { kind: 'programs', id: '', value: forwarding.programs() },
      ...vpns.changes(),
    ]
    return kept.store.save(take, durability)
  }
  const vpns = new VpnService(
    {
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
      refused: refusedTypes(config),
      lacks,
    },
    speaker,
    forwarding.dataplane,
    events,
    keep,
  )
  if (kept.state !== null) await vpns.restore(kept.state)
  if (kept.former !== null) vpns.recall(kept.former)
  const rest = restServer({
    vpns,
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
  try {
    await rest.listen({ host: config.api.host, port: config.api.port })
  } catch (error) {
    await forwarding.stop()
    throw error
  }
  for (const { address, enabled } of bgp.peers) {
    if (!enabled) speaker.peers.get(address)?.disable('by the configuration')
  }
  void keep('synced')
  await speaker.start()
  const peers = bgp.peers.map(({ address }) => formatIp(address))
  const stopGivingBack = giveBackMemory(clock)
  log.info({ api: config.api, peers, driver: evpn.driver, ipvpn: ipvpn.driver }, 'ready')

  return {
    async stop() {
      stopGivingBack()
      speaker.stop('chanter is stopping')
      await forwarding.stop()
      await rest.close()
      await kept.store.close()
      lock?.release()
    },
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
  const clock = new PersistentClock(systemClock, (error) =>
    events.emit({ type: 'loop-failed', error: errorOf(error) }),
  )
  if (!usesKernel) {
    const { vrfPrefix } = ipvpn.ranges
    const driver = new MemoryDriver(clock, { pretend: (name) => !isOwnedName(name, vrfPrefix) })
    return localForwarding({ clock, events, driver })
  }
  const { managesRules } = ipvpn
  const resyncMs = resyncSeconds * 1000
  if (!forwardingThread) {
    const driver = new LinuxDriver({ clock, former, managesRules })
    return localForwarding({ clock, events, driver, resyncMs })
  }
  const died = (reason: string) => {
    throw new Error(reason)
  }
  return kernelForwarding({ clock: systemClock, events, former, managesRules, resyncMs, died })
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

/** Types of VPN that this node has no driver for. */
function refusedTypes({ serves }: Config): VpnConfig['refused'] {
  const types = VPN_TYPES.filter((type) => !serves[type])
  const why = (type: VpnType) =>
    `vpn_type: this node serves no ${type}: [DATAPLANE_DRIVER_${type.toUpperCase()}] dataplane_driver is not linux`
  return Object.fromEntries(types.map((type) => [type, why(type)]))
}

/** The families whose routes this node has a use for. */
function servedFamilies({ serves }: Config): readonly Family[] {
  return [...(serves.evpn ? [EVPN] : []), ...(serves.ipvpn ? [VPNV4, VPNV6] : [])]
}

function offeredFamilies(
  families: readonly Family[],
  peer: { readonly routeTargetConstraint: boolean },
): readonly Family[] {
  return peer.routeTargetConstraint ? [...families, ROUTE_TARGET] : families
}
