import { hostname } from 'node:os'
import {
  EVPN,
  type Family,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from './bgp/family.ts'
import type { Prefix } from './bgp/nlri/prefix.ts'
import { PEER_DEFAULTS } from './bgp/session/peer-config.ts'
import { Speaker } from './bgp/speaker.ts'
import { SPEAKER_DEFAULTS, type SpeakerConfig } from './bgp/speaker-config.ts'
import { type Clock, systemClock } from './clock.ts'
import { exposed } from './config/key-file.ts'
import type { Daemon } from './daemon.ts'
import { giveBackMemory } from './linux/memory.ts'
import { tcpTransport } from './linux/tcp.ts'
import type { Logs } from './log.ts'
import { type ApiAccess, LOCAL_ACCESS } from './rest/access.ts'
import type { Views } from './rest/looking-glass/index.ts'
import { EventCounters } from './rest/metrics/event-counters.ts'
import { newPing } from './rest/ping.ts'
import { restServer } from './rest/server.ts'
import { formatIp, type Ip } from './values/address.ts'
import { VERSION } from './version.ts'

export interface ReflectorConfig {
  readonly as: number
  readonly identifier: Ip
  readonly clusterId: Ip
  readonly listenAddress: Ip
  readonly listenPort: number
  /** Peers that connect from here are clients. */
  readonly clients: readonly Prefix[]
  readonly clientLimit: number
  /** Other reflectors, to which it connects. */
  readonly peers: readonly Ip[]
  readonly holdTimeSeconds: number
  /** Key of TCP MD5 signatures for all peers; null for none. */
  readonly md5Key: string | null
  /** Files that hold keys. */
  readonly keyFiles: readonly string[]
  /** Where the looking glass listens; null for none. */
  readonly api: {
    readonly host: string
    readonly port: number
    readonly token: string | null
    /** Without a token, clients on other machines are answered too. */
    readonly unprotected: boolean
  } | null
}

/** Every family with route targets, and that of memberships. */
const FAMILIES: readonly Family[] = [VPNV4, VPNV6, EVPN, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6, ROUTE_TARGET]

/** A standalone route reflector: no VPN services, no kernel (RFC 4456). Throws when a part cannot start. */
export async function runReflector(config: ReflectorConfig, logs: Logs): Promise<Daemon> {
  const { log, events } = logs
  const clock = systemClock
  const counters = new EventCounters()
  events.read(counters.read)
  for (const exposure of exposed(config.keyFiles)) log.warn(exposure)
  const environment = { clock, random: Math.random, transport: tcpTransport, events }
  const speaker = new Speaker(speakerConfig(config), environment, () => {})
  const rest = restServer({
    vpns: null,
    reload: null,
    ping: newPing(),
    access: accessOf(config),
    log: log.child({ part: 'rest' }),
    events,
    counters,
    views: viewsOf(config, logs, speaker, clock),
  })
  if (config.api !== null) await rest.listen({ host: config.api.host, port: config.api.port })
  const reason = await speaker.start()
  if (reason !== null) {
    await rest.close()
    throw new Error(`no peer can connect to the reflector: ${reason}`)
  }
  const stopGivingBack = giveBackMemory(clock)
  log.info({ as: config.as, listen: formatIp(config.listenAddress), port: config.listenPort }, 'ready')
  return {
    alive: async () => {},
    status: () => speaker.sessionCounts,
    async close() {
      stopGivingBack()
      speaker.stop('the reflector is stopping')
      await rest.close()
    },
  }
}

function speakerConfig({ as, identifier, peers, clients, ...config }: ReflectorConfig): SpeakerConfig {
  const { listenAddress, listenPort, clusterId, clientLimit: limit, holdTimeSeconds, md5Key } = config
  const common = { ...PEER_DEFAULTS, as, families: FAMILIES, holdTimeSeconds, md5Key }
  const template = { ...common, reflectorClient: true }
  return {
    ...SPEAKER_DEFAULTS,
    as,
    identifier,
    localAddress: identifier,
    listenAddress,
    listenPort,
    clusterId,
    peers: peers.map((address) => ({ ...common, address })),
    dynamicPeers: clients.map((prefix) => ({ prefix, template, limit })),
  }
}

function accessOf({ api }: ReflectorConfig): ApiAccess {
  const { token, unprotected } = api ?? { token: null, unprotected: false }
  return { ...LOCAL_ACCESS, token, hosts: [hostname()], unprotected }
}

function viewsOf(
  { as, identifier, clusterId, keyFiles }: ReflectorConfig,
  { output, recent }: Logs,
  speaker: Speaker,
  clock: Clock,
): Views {
  const started = clock.now()
  return {
    speaker,
    services: null,
    config: { as, identifier: formatIp(identifier), cluster_id: formatIp(clusterId) },
    version: VERSION,
    startTime: clock.epoch(),
    now: () => clock.epoch(),
    uptimeMs: () => clock.now() - started,
    recentLog: (about) => recent.newestFirst(about),
    logHealth: () => output.health(),
    configProblems: () => exposed(keyFiles),
  }
}
