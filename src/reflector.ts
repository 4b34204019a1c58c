import { Speaker } from './bgp/speaker.ts'
import { type Clock, systemClock } from './clock.ts'
import { DEFAULT_REQUEST_RATE } from './config/api-options.ts'
import type { Daemon } from './daemon.ts'
import { clientLimit, descriptorLimit, requireDescriptors } from './linux/descriptors.ts'
import { giveBackMemory } from './linux/memory.ts'
import { tcpTransport } from './linux/tcp.ts'
import type { Logs } from './log.ts'
import { type ReflectorConfig, type ReflectorSecrets, speakerConfig } from './reflector/config.ts'
import { ReflectorReloader } from './reflector/reload.ts'
import { type ApiAccess, LOCAL_ACCESS } from './rest/access.ts'
import type { Views } from './rest/looking-glass/index.ts'
import { EventCounters } from './rest/metrics/event-counters.ts'
import { newPing } from './rest/ping.ts'
import { listenAt, restServer } from './rest/server.ts'
import { formatIp } from './values/address.ts'
import { VERSION } from './version.ts'

/** A standalone route reflector: no VPN services, no kernel (RFC 4456). `readSecrets` reads the files again, and throws when it cannot. Throws when a part cannot start. */
export async function runReflector(
  given: ReflectorConfig,
  logs: Logs,
  readSecrets: () => ReflectorSecrets,
): Promise<Daemon> {
  const { log, events } = logs
  const [prefixes, peers] = [given.clients.length, given.peers.length]
  requireDescriptors(peers)
  const config = { ...given, clientLimit: clientLimit(given.clientLimit, { prefixes, peers }) }
  const clock = systemClock
  const counters = new EventCounters()
  events.read(counters.read)
  const secrets = readSecrets()
  const environment = { clock, random: Math.random, transport: tcpTransport, events }
  const speaker = new Speaker(speakerConfig(config, secrets), environment, () => {})
  const reloader = new ReflectorReloader({ config, secrets, readSecrets, speaker, events })
  for (const reason of reloader.problems) events.emit({ type: 'config-warning', reason })
  const rest = restServer({
    vpns: null,
    reload: reloader.reload,
    ping: newPing(),
    descriptors: descriptorLimit(),
    access: () => accessOf(config, reloader.secrets),
    log: log.child({ part: 'rest' }, { level: 'warn' }),
    events,
    counters,
    views: viewsOf(config, () => reloader.problems, logs, speaker, clock),
  })
  if (config.api !== null) await listenAt(rest, config.api, events)
  const reason = await speaker.start()
  if (reason !== null) {
    await rest.close()
    throw new Error(`no peer can connect to the reflector: ${reason}`)
  }
  const stopGivingBack = giveBackMemory(clock)
  const { as, listenAddress, listenPort: port } = config
  events.emit({ type: 'reflector-ready', as, listen: formatIp(listenAddress), port })
  return {
    alive: async () => {},
    status: () => speaker.sessionCounts,
    reload: () => reloader.reload({ dryRun: false }),
    async close() {
      stopGivingBack()
      speaker.stop('the reflector is stopping')
      await rest.close()
    },
  }
}

function accessOf({ api }: ReflectorConfig, { token }: ReflectorSecrets): ApiAccess {
  return {
    ...LOCAL_ACCESS,
    token: token?.key ?? null,
    unprotected: api?.unprotected ?? false,
    requestRate: DEFAULT_REQUEST_RATE,
  }
}

function viewsOf(
  { as, identifier, clusterId }: ReflectorConfig,
  configProblems: Views['configProblems'],
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
    configProblems,
  }
}
