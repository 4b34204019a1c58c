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
import { SPEAKER_DEFAULTS } from './bgp/speaker-config.ts'
import { systemClock } from './clock.ts'
import { exposed } from './config/key-file.ts'
import type { Daemon } from './daemon.ts'
import { giveBackMemory } from './linux/memory.ts'
import { tcpTransport } from './linux/tcp.ts'
import type { Logs } from './log.ts'
import { LOCAL_ACCESS } from './rest/access.ts'
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
export async function runReflector(
  config: ReflectorConfig,
  { log, events, output, recent }: Logs,
): Promise<Daemon> {
  const clock = systemClock
  const started = clock.now()
  const counters = new EventCounters()
  events.read(counters.read)
  for (const exposure of exposed(config.keyFiles)) log.warn(exposure)
  const common = {
    ...PEER_DEFAULTS,
    as: config.as,
    families: FAMILIES,
    holdTimeSeconds: config.holdTimeSeconds,
    md5Key: config.md5Key,
  }
  const template = { ...common, reflectorClient: true }
  const speaker = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: config.as,
      identifier: config.identifier,
      localAddress: config.identifier,
      listenAddress: config.listenAddress,
      listenPort: config.listenPort,
      clusterId: config.clusterId,
      peers: config.peers.map((address) => ({ ...common, address })),
      dynamicPeers: config.clients.map((prefix) => ({ prefix, template, limit: config.clientLimit })),
    },
    { clock, random: Math.random, transport: tcpTransport, events },
    () => {},
  )
  const rest = restServer({
    vpns: null,
    reload: null,
    ping: newPing(),
    access: {
      ...LOCAL_ACCESS,
      token: config.api?.token ?? null,
      hosts: [hostname()],
      unprotected: config.api?.unprotected ?? false,
    },
    log: log.child({ part: 'rest' }),
    events,
    counters,
    views: {
      speaker,
      services: null,
      config: {
        as: config.as,
        identifier: formatIp(config.identifier),
        cluster_id: formatIp(config.clusterId),
      },
      version: VERSION,
      startTime: clock.epoch(),
      now: () => clock.epoch(),
      uptimeMs: () => clock.now() - started,
      recentLog: (about) => recent.newestFirst(about),
      logHealth: () => output.health(),
      configProblems: () => exposed(config.keyFiles),
    },
  })
  if (config.api !== null) await rest.listen({ host: config.api.host, port: config.api.port })
  const reason = await speaker.start()
  if (reason !== null) {
    await rest.close()
    throw new Error(`nobody can connect to the reflector: ${reason}`)
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
