import type { RouteState, ServicesSummary, StatusSummary } from '../api/status.ts'
import type { BgpPeer } from '../bgp/bgp-peer.ts'
import { VPN_FAMILIES } from '../bgp/family.ts'
import { formatPrefix } from '../bgp/nlri/prefix.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { Isolation } from '../dataplane/model.ts'
import type { DataplaneSummary } from '../dataplane/view.ts'
import type { LogHealth } from '../log-output/log-output.ts'
import { formatIp } from '../values/address.ts'
import { formatTime } from '../values/time.ts'
import { VPN_TYPES } from '../vpn/request.ts'
import { closedSessions, uncarriedFamilies } from './carried-families.ts'
import { dummyInstances, forwardedInstances } from './dummy-instances.ts'
import { duplicates } from './duplicates.ts'
import type { ServiceViews, Views } from './looking-glass/index.ts'
import { peerSummary, whyDown } from './looking-glass/peers.ts'
import { lostRoutes } from './lost-routes.ts'
import { notPassedOn } from './not-passed-on.ts'
import { receiveOnly, silencedPorts } from './receive-only.ts'
import { sharedIdentifiers } from './shared-identifiers.ts'
import { unconfirmed } from './unconfirmed.ts'

/** An entry that is not programmed for this long counts as a problem. */
const LONG_PENDING_MS = 60_000

/** The summary of the daemon; `now` is in epoch milliseconds. */
export async function statusSummary(views: Views, now: number): Promise<StatusSummary> {
  const { speaker, services, startTime, version } = views
  const peers = [...speaker.peers.values()]
  let received = 0
  for (const { source } of peers) received += source.routeCount
  let own = 0
  for (const family of VPN_FAMILIES) for (const _ of speaker.rib.ownRoutes(family)) own++
  const kernel = services === null ? null : await kernelOf(services)
  const problems = problemsOf(views, kernel, now)
  return {
    ok: problems.length === 0,
    problems,
    version,
    started: startTime,
    uptime_seconds: Math.floor(views.uptimeMs() / 1000),
    sessions: {
      established: peers.filter(isUp).length,
      disabled: peers.filter(({ disabled }) => disabled).length,
      peers: peers.map(peerSummary),
    },
    routes: {
      ...routeState(speaker, startTime),
      received,
      own,
      filtered_by: peers.filter(({ isConstrained }) => isConstrained).map(({ sessions }) => sessions.name),
    },
    log: views.logHealth(),
    ...(services === null || kernel === null ? {} : servicesSummary(services, kernel)),
  }
}

interface KernelSummary extends DataplaneSummary {
  /** The number of VPNs isolated from the host's IP stack by each means, and why not by both; for the others, the reason. */
  readonly isolated: ReturnType<typeof isolation>
}

async function kernelOf(services: ServiceViews): Promise<KernelSummary> {
  const instances = forwardedInstances(services).flatMap((one) =>
    one.type === 'evpn' ? [{ id: one.macVrf.config.id, bridge: one.forwarding.bridge }] : [],
  )
  const summary = await services.dataplane.summary(instances.map(({ bridge }) => bridge))
  return { ...summary, isolated: isolation(instances, summary.isolation) }
}

function servicesSummary({ vpns, stateFile }: ServiceViews, kernel: KernelSummary): ServicesSummary {
  let endpoints = 0
  for (const { attachments } of vpns.instances.values()) for (const _ of attachments) endpoints++
  return {
    instances: { count: vpns.instances.size, endpoints },
    entries: {
      ...kernel.counts,
      pending_since: kernel.waitingSince,
      unremoved: kernel.unremovedCount,
      removing: kernel.removing.count,
    },
    drift: { count: kernel.drift.count, last: kernel.drift.last, recurring: kernel.drift.recurring },
    forwarding_loop: kernel.faults,
    without_ipv6: [...kernel.withoutIpv6].map(([device, neighbours]) => ({ device, neighbours })),
    tight_underlays: kernel.tightUnderlays.map(({ underlay, room, mtu }) => ({ underlay, room, mtu })),
    vanished: [...vanishedNodes({ vpns })],
    isolation: kernel.isolated,
    compared: kernel.compared,
    stale: {
      entries: kernel.staleCount,
      links: kernel.orphans.map(({ name, alias }) => ({ name, alias })),
    },
    state_file: stateFile?.() ?? null,
    unconfirmed: unconfirmed(vpns),
    receive_only: receiveOnly(vpns),
  }
}

/** Remote nodes whose routes were withdrawn all at once, and which still get traffic for a while. */
function* vanishedNodes({ vpns }: Pick<ServiceViews, 'vpns'>) {
  for (const { routing } of vpns.instances.values())
    for (const [address, { routes, leftMs }] of routing.imports.vanishedNodes())
      yield {
        instance: routing.config.id,
        node: formatIp(address),
        routes,
        seconds_left: Math.ceil(leftMs / 1000),
      }
}

function isolation(
  instances: readonly { readonly id: string; readonly bridge: string }[],
  found: readonly Isolation[],
) {
  const by = { both: 0, xdp: 0, tc: 0 }
  const refusals = new Set<string>()
  const open: { instance: string; bridge: string; reason: string }[] = []
  for (const [i, { id, bridge }] of instances.entries()) {
    const { by: means = null, reason = null } = found[i] ?? {}
    if (means !== null) {
      by[means]++
      if (reason !== null) refusals.add(reason)
    } else if (reason !== null) open.push({ instance: id, bridge, reason })
  }
  return { ...by, refusals: [...refusals], open }
}

function* isolationProblems(
  services: ServiceViews,
  { isolated: { open }, vrfGaps }: KernelSummary,
): Iterable<string> {
  for (const [reason, found] of Map.groupBy(open, (one) => one.reason)) {
    const [{ instance, bridge }] = found as [(typeof open)[number]]
    const others = found.length > 1 ? ` and ${found.length - 1} more` : ''
    yield `${instance} (${bridge})${others}: what VMs send enters the IP stack of the host: ${reason}`
  }
  const hasVrfs = forwardedInstances(services).some(({ type }) => type === 'ipvpn')
  if (hasVrfs) yield* vrfGaps
}

export function routeState(speaker: Speaker, startTime: number): RouteState {
  const { peers, convergence, isHeadless } = speaker
  const kept = stalePeers(peers.values())
  const stale = kept.map(({ sessions, staleRoutes }) => ({ peer: sessions.name, since: staleRoutes.since! }))
  const waiting_for = convergence.awaited().map(({ sessions }) => sessions.name)
  const since = Math.min(...stale.map((one) => one.since))
  if (isHeadless) return { state: 'headless', since, waiting_for, stale }
  if (convergence.since === null) return { state: 'waiting', since: startTime, waiting_for, stale }
  return stale.length > 0
    ? { state: 'stale', since, waiting_for, stale }
    : { state: 'complete', since: convergence.since, waiting_for, stale }
}

function stalePeers(peers: Iterable<BgpPeer>): BgpPeer[] {
  return [...peers].filter(({ staleRoutes }) => staleRoutes.since !== null)
}

/** Why forwarding cannot be relied on yet, in words; null when it can. */
export function whyNotReady({ speaker, startTime }: Views): string | null {
  if (!hasSession(speaker)) return 'no session with any peer'
  const { state, waiting_for } = routeState(speaker, startTime)
  if (state !== 'waiting') return null
  return waiting_for.length === 0
    ? 'waiting for routes to settle'
    : `waiting for End-of-RIB of ${waiting_for.join(', ')}`
}

/** The problems, a sentence each, the worst first. */
function problemsOf(
  { speaker, services, startTime, logHealth, configProblems }: Views,
  kernel: KernelSummary | null,
  now: number,
): string[] {
  const problems: string[] = []
  if (!hasSession(speaker)) {
    const { state, since } = routeState(speaker, startTime)
    const by = state === 'headless' ? `: forwarding by the routes of ${formatTime(since)}` : ''
    problems.push(`no session with any peer${by}`)
  }
  for (const peer of speaker.peers.values()) {
    if (peer.disabled || isUp(peer)) continue
    const { sessions, lostAt } = peer
    // not since the last transition: each attempt to connect is one
    const since = formatTime(now - (speaker.clock.now() - lostAt))
    problems.push(`peer ${sessions.name} is down since ${since}, now ${sessions.state}: ${whyDown(peer)}`)
  }
  problems.push(
    ...listenProblems(speaker),
    ...closedSessions(speaker),
    ...uncarriedFamilies({ speaker, services }),
    ...notPassedOn(speaker),
    ...sharedIdentifiers(speaker),
  )
  if (services !== null && kernel !== null) {
    problems.push(
      ...lostRoutes(speaker, services.vpns),
      ...lacks(services),
      ...dummyInstances(services),
      ...unservedFallbacks(services),
      ...isolationProblems(services, kernel),
      ...kernelProblems(services, kernel, now),
      ...fullNeighbourTables(kernel),
      ...kernel.vxlanGaps,
      ...outages(kernel, now),
      ...tooTight(kernel),
      ...storms(kernel),
      ...duplicates(services),
      ...silencedPorts(services.vpns),
      ...stateFileProblems(services),
    )
  }
  problems.push(...logProblems(logHealth()), ...configProblems())
  return problems
}

function* listenProblems({ listeners, fullPrefixes }: Speaker): Iterable<string> {
  for (const { at, reason } of listeners.failures)
    yield `peers cannot connect to ${formatIp(at.address)} port ${at.port}: ${reason}; mend that, it is tried again every 10 seconds, or set [BGP] listen = false`
  for (const [{ prefix, limit }, refused] of fullPrefixes)
    yield `no more than ${limit} peers may connect from ${formatPrefix(prefix)}: ${formatIp(refused)} was refused`
}

function* lacks({ drivers }: ServiceViews): Iterable<string> {
  for (const type of VPN_TYPES) {
    const lack = drivers[type].lacks()
    if (lack !== null) yield `${type} cannot be served: ${lack}`
  }
}

function* unservedFallbacks({ vpns, drivers }: ServiceViews): Iterable<string> {
  if (drivers.ipvpn.name !== 'linux') return
  for (const instance of vpns.instances.values())
    if (instance.type === 'ipvpn' && instance.fallback !== null)
      yield `${instance.vrf.config.id}: fallback is not served by the linux driver: packets without a route are dropped; advertise a default route instead`
}

function* kernelProblems({ dataplane }: ServiceViews, kernel: KernelSummary, now: number): Iterable<string> {
  const { open } = kernel.faults
  if (open !== null)
    yield `the forwarding loop fails since ${formatTime(open.since)}: ${open.reason}; it is tried again each second`
  if (kernel.unreadable !== null) yield `the kernel cannot be asked for its links: ${kernel.unreadable}`
  if (kernel.silentSince !== null)
    yield `the kernel has not answered since ${formatTime(kernel.silentSince)}: what forwarding needs to change waits`
  const { counts, waitingSince: since, failure, unremovedCount: unremoved, orphans: links } = kernel
  const { wanted, failed, pending } = counts
  if (failed > 0) {
    const example =
      failure === null ? '' : `, such as ${dataplane.describe(failure.entry)}: ${failure.status.reason}`
    yield `${failed} of ${wanted} kernel entries failed${example}`
  }
  if (unremoved > 0) yield `kernel entries that cannot be removed: ${unremoved}`
  if (pending > 0 && since !== null && isLong(since, now)) {
    yield `${pending} of ${wanted} kernel entries are pending, since ${formatTime(since)}`
  }
  const { recurring, worst } = kernel.drift
  if (worst !== null)
    yield `${recurring} kernel ${recurring === 1 ? 'entry is' : 'entries are'} changed by other programs again and again, such as ${dataplane.describe(worst.entry)}: ${worst.changes} times since ${formatTime(worst.since)}; ip monitor shows the changes: stop the program that makes them`
  const { removing } = kernel
  if (removing.since !== null && isLong(removing.since, now))
    yield `${removing.count} kernel entries and links are still to be removed, since ${formatTime(removing.since)}`
  const [left, stale] = [true, false].map((isLeft) =>
    links.filter(({ alias }) => (alias === null) === isLeft).map(({ name }) => name),
  ) as [string[], string[]]
  const again = (first: string | undefined) =>
    `attach the ports of their VPN instances again, or delete them (ip link delete ${first})`
  if (stale.length > 0)
    yield `stale links of chanter, which still forward: ${stale.join(', ')}: ${again(stale[0])}`
  if (left.length > 0)
    yield `links that bagpipe-bgp left and that still forward: ${left.join(', ')}: ${again(left[0])}`
}

function* outages({ outages }: KernelSummary, now: number): Iterable<string> {
  const long = outages.filter(({ since }) => isLong(since, now))
  if (long.length === 0) return
  const some = long
    .slice(0, 3)
    .map(({ port, reason, since }) => `${port} (${reason} since ${formatTime(since)})`)
  const others = long.length > 3 ? ` and ${long.length - 3} more` : ''
  yield `attached ports that pass no traffic: ${some.join(', ')}${others}: set them up, start their VMs, or detach them`
}

function* tooTight({ tightUnderlays }: KernelSummary): Iterable<string> {
  for (const { underlay, room, mtu, isConfigured } of tightUnderlays)
    if (isConfigured)
      yield `vxlan_mtu is ${mtu}, and ${underlay} has room for ${room}: larger packets are fragmented or lost; raise the MTU of ${underlay} by ${mtu - room}, there and along the path, or lower vxlan_mtu`
}

function* storms({ storms }: KernelSummary): Iterable<string> {
  for (const { instance, bridge, port, rate } of storms) {
    const from = port === null ? '' : `, most from ${port}`
    yield `${instance}: ${rate} broadcast or multicast frames a second on ${bridge}${from}`
  }
}

function* fullNeighbourTables({ fullNeighbourTables }: KernelSummary): Iterable<string> {
  for (const { family, refused, seconds, limit, most } of fullNeighbourTables) {
    const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
    const where = most === null ? 'none of them here' : `${most.device} has most, ${most.entries}`
    yield `the ${name} neighbour table is full (${limit} entries, ${where}): ${refused} new neighbours were refused within ${seconds} seconds, and the node does not reach them; stop what fills it, or raise net.${family}.neigh.default.gc_thresh3 and gc_thresh2`
  }
}

function* stateFileProblems({ stateFile }: ServiceViews): Iterable<string> {
  const health = stateFile?.() ?? null
  if (health === null) return
  const { path, failure, unkept } = health
  if (failure !== null)
    yield `the state file cannot be written to ${path} since ${formatTime(failure.since)}: ${failure.reason}`
  const [first] = unkept
  if (first !== undefined)
    yield `${unkept.length} entries of the state cannot be kept, such as ${first.entry}: ${first.reason}; attach them again after a restart`
}

function* logProblems({ path, failure, dropped }: LogHealth): Iterable<string> {
  if (failure === null) return
  const count = dropped === 0 ? '' : `; ${dropped} lines dropped`
  yield `the log cannot be written to ${path ?? 'standard output'} since ${formatTime(failure.since)}: ${failure.reason}${count}`
}

/** Whether something has lasted for long; a time that is yet to come is from before the clock of the machine was set back. */
function isLong(since: number, now: number): boolean {
  return since > now || now - since > LONG_PENDING_MS
}

/** Without peers, no session is missing. */
function hasSession({ peers }: Speaker): boolean {
  const wanted = [...peers.values()].filter(({ disabled }) => !disabled)
  return peers.size === 0 || wanted.some(isUp)
}

function isUp({ sessions }: BgpPeer): boolean {
  return sessions.state === 'Established'
}
