import { VPN_FAMILIES } from '../bgp/family.ts'
import type { Neighbour } from '../bgp/neighbour.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatIp } from '../values/address.ts'
import { formatMac } from '../values/mac.ts'
import { formatTime } from '../values/time.ts'
import { VPN_TYPES } from '../vpn/request.ts'
import type { ServiceViews, Views } from './looking-glass/index.ts'
import { peerSummary, whyDown } from './looking-glass/peers.ts'

/** What is not in place for that long is a problem, not on its way. */
const LONG_PENDING_MS = 60_000

/** How far the routes that forwarding goes by can be trusted; `since` is in epoch milliseconds. */
export interface RouteState {
  /**
   * `waiting`: since the start not all peers have advertised all they have. `stale`: of a peer that restarts. `headless`: the
   * last known, since there is no peer left to ask.
   */
  readonly state: 'complete' | 'waiting' | 'stale' | 'headless'
  readonly since: number
  /** Peers whose End-of-RIB is waited for after the start. */
  readonly waiting_for: readonly string[]
  /** Peers whose routes of before a lost session are kept, and since when. */
  readonly stale: readonly { readonly peer: string; readonly since: number }[]
}

/** The daemon on one page; `now` is in epoch milliseconds. */
export function statusSummary(views: Views, now: number) {
  const { speaker, services, startTime, version } = views
  const peers = [...speaker.neighbours.values()]
  let received = 0
  for (const { source } of peers) received += source.routeCount
  let own = 0
  for (const family of VPN_FAMILIES) for (const _ of speaker.rib.ownRoutes(family)) own++
  const problems = problemsOf(views, now)
  return {
    ok: problems.length === 0,
    problems,
    version,
    started: startTime,
    uptime_seconds: Math.floor((now - startTime) / 1000),
    sessions: {
      established: peers.filter(isUp).length,
      disabled: peers.filter(({ disabled }) => disabled).length,
      peers: peers.map(peerSummary),
    },
    routes: { ...routeState(speaker, startTime), received, own },
    ...(services === null ? {} : servicesSummary(services)),
  }
}

export type StatusSummary = ReturnType<typeof statusSummary>

function servicesSummary({ vpns, dataplane, stateFile }: ServiceViews) {
  let endpoints = 0
  for (const { attachments } of vpns.instances.values()) for (const _ of attachments) endpoints++
  return {
    instances: { count: vpns.instances.size, endpoints },
    entries: {
      ...dataplane.counts(),
      pending_since: dataplane.waitingSince(),
      unremoved: dataplane.unremovedCount(),
    },
    vanished: [...vanishedNodes({ vpns })],
    isolation: isolation({ vpns, dataplane }),
    compared: dataplane.compared(),
    leftovers: {
      stale: dataplane.staleCount(),
      links: dataplane.orphans().map(({ name, alias }) => ({ name, alias })),
    },
    state_file: stateFile?.() ?? null,
  }
}

/** Remote nodes whose routes were withdrawn all at once, and to which traffic goes on for a while. */
function* vanishedNodes({ vpns }: Pick<ServiceViews, 'vpns'>) {
  for (const { vpn } of vpns.instances.values())
    for (const [address, { routes, leftMs }] of vpn.imports.vanishedNodes())
      yield {
        instance: vpn.config.id,
        node: formatIp(address),
        routes,
        seconds_left: Math.ceil(leftMs / 1000),
      }
}

/** How many networks are kept out of the host's IP stack by what; of others, why not. */
function isolation({ vpns, dataplane }: Pick<ServiceViews, 'vpns' | 'dataplane'>) {
  const by = { xdp: 0, tc: 0 }
  const open: { instance: string; bridge: string; reason: string }[] = []
  for (const instance of vpns.instances.values()) {
    if (instance.type !== 'evpn') continue
    const { id, devices } = instance.evpn.config
    const found = dataplane.isolationOf(devices.bridge)
    if (found.by !== null) by[found.by]++
    else if (found.reason !== null) open.push({ instance: id, bridge: devices.bridge, reason: found.reason })
  }
  return { ...by, open }
}

function* isolationProblems(services: ServiceViews): Iterable<string> {
  const { open } = isolation(services)
  for (const [reason, found] of Map.groupBy(open, (one) => one.reason)) {
    const [{ instance, bridge }] = found as [(typeof open)[number]]
    const others = found.length > 1 ? ` and ${found.length - 1} more` : ''
    yield `${instance} (${bridge})${others}: what VMs send enters the IP stack of the host: ${reason}`
  }
  const hasVrfs = [...services.vpns.instances.values()].some(({ type }) => type === 'ipvpn')
  if (hasVrfs) yield* services.dataplane.vrfGaps()
}

export function routeState({ neighbours, convergence }: Speaker, startTime: number): RouteState {
  const peers = [...neighbours.values()]
  const kept = stalePeers(neighbours.values())
  const stale = kept.map(({ peer, staleRoutes }) => ({ peer: peer.name, since: staleRoutes.since! }))
  const waiting_for = convergence.awaited().map(({ peer }) => peer.name)
  const since = Math.min(...stale.map((one) => one.since))
  const isHeadless = kept.some(({ staleRoutes }) => staleRoutes.isHeadless) && !peers.some(isUp)
  if (isHeadless) return { state: 'headless', since, waiting_for, stale }
  if (convergence.since === null) return { state: 'waiting', since: startTime, waiting_for, stale }
  return stale.length > 0
    ? { state: 'stale', since, waiting_for, stale }
    : { state: 'complete', since: convergence.since, waiting_for, stale }
}

function stalePeers(neighbours: Iterable<Neighbour>): Neighbour[] {
  return [...neighbours].filter(({ staleRoutes }) => staleRoutes.since !== null)
}

/** Why there is no forwarding to rely on yet, in words; null when there is. */
export function whyNotReady({ speaker, startTime }: Views): string | null {
  if (!hasSession(speaker)) return 'no session with any peer'
  const { state, waiting_for } = routeState(speaker, startTime)
  if (state !== 'waiting') return null
  return waiting_for.length === 0
    ? 'waiting for routes to settle'
    : `waiting for End-of-RIB of ${waiting_for.join(', ')}`
}

/** What is wrong, a sentence each, the worst first. */
function problemsOf({ speaker, services, startTime }: Views, now: number): string[] {
  const problems: string[] = []
  if (!hasSession(speaker)) {
    const { state, since } = routeState(speaker, startTime)
    const by = state === 'headless' ? `: forwarding by the routes of ${formatTime(since)}` : ''
    problems.push(`no session with any peer${by}`)
  }
  for (const neighbour of speaker.neighbours.values()) {
    if (neighbour.disabled || isUp(neighbour)) continue
    const { peer } = neighbour
    problems.push(
      `peer ${peer.name} is ${peer.state} since ${formatTime(peer.lastTransition)}: ${whyDown(neighbour)}`,
    )
  }
  if (services !== null) {
    problems.push(...lacks(services), ...isolationProblems(services), ...kernelProblems(services, now))
    problems.push(
      ...services.dataplane.vxlanGaps(),
      ...storms(services),
      ...duplicates(services),
      ...stateFileProblems(services),
    )
  }
  return problems
}

function* lacks({ drivers }: ServiceViews): Iterable<string> {
  for (const type of VPN_TYPES) {
    const lack = drivers[type].lacks()
    if (lack !== null) yield `${type} cannot be served: ${lack}`
  }
}

function* kernelProblems({ dataplane }: ServiceViews, now: number): Iterable<string> {
  const { wanted, failed, pending } = dataplane.counts()
  const since = dataplane.waitingSince()
  if (failed > 0) {
    const [first] = dataplane.failures()
    const example =
      first === undefined ? '' : `, such as ${dataplane.describe(first.entry)}: ${first.status.reason}`
    yield `${failed} of ${wanted} kernel entries failed${example}`
  }
  const unremoved = dataplane.unremovedCount()
  if (unremoved > 0) yield `kernel entries that cannot be removed: ${unremoved}`
  if (pending > 0 && since !== null && now - since > LONG_PENDING_MS) {
    yield `${pending} of ${wanted} kernel entries are pending, since ${formatTime(since)}`
  }
  const links = dataplane.orphans()
  if (links.length > 0) yield `links of ours that nobody wants: ${links.map(({ name }) => name).join(', ')}`
}

function* storms({ dataplane }: ServiceViews): Iterable<string> {
  for (const { instance, bridge, port, rate } of dataplane.storms()) {
    const from = port === null ? '' : `, most from ${port}`
    yield `${instance}: ${rate} broadcast or multicast frames a second on ${bridge}${from}`
  }
}

function* duplicates({ vpns }: ServiceViews): Iterable<string> {
  for (const instance of vpns.instances.values()) {
    if (instance.type !== 'evpn') continue
    const macs = [...instance.evpn.mobility.duplicateMacs()].map(formatMac)
    if (macs.length > 0)
      yield `${instance.evpn.config.id}: attached here and elsewhere, or moving too often to be in one place: ${macs.join(', ')}`
  }
}

function* stateFileProblems({ stateFile }: ServiceViews): Iterable<string> {
  const health = stateFile?.() ?? null
  if (health === null || health.failure === null) return
  const { reason, since } = health.failure
  yield `the state cannot be kept in ${health.path} since ${formatTime(since)}: ${reason}`
}

/** Without a peer to have one with, none is missing. */
function hasSession({ neighbours }: Speaker): boolean {
  const wanted = [...neighbours.values()].filter(({ disabled }) => !disabled)
  return neighbours.size === 0 || wanted.some(isUp)
}

function isUp({ peer }: Neighbour): boolean {
  return peer.state === 'Established'
}
