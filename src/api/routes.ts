import * as z from 'zod'
import { attachBody, detachBody } from './attachment.ts'
import { listedOption } from './config.ts'
import { ENTRY_STATES, listedEntry, listedSetting, verification } from './entries.ts'
import type { ErrorCode } from './errors.ts'
import { explanation } from './explain.ts'
import * as glass from './looking-glass.ts'
import { peerOrder, peerSummary } from './peers.ts'
import { reloadReport } from './reload.ts'
import { anything, list } from './shapes.ts'
import { statusSummary } from './status.ts'

/** A request of the API and its answer. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST'
  /** With parameters in Fastify's form. */
  readonly url: string
  /** The route in Fastify, when that is not `url`. */
  readonly served?: string
  readonly tag: 'bagpipe-bgp' | 'operations' | 'looking glass'
  readonly summary: string
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodObject
  readonly answer: z.ZodType
  /** Of the answer; JSON by default. */
  readonly mediaType?: string
  /** Errors in addition to those of any request. */
  readonly errors?: readonly ErrorCode[]
}

const ok = z.strictObject({ ok: z.literal(true) })
const address = z.object({ address: z.string().describe('the address of the peer') })
const type = z.object({ type: z.enum(['evpn', 'ipvpn']).describe('the type of VPN') })
const id = z.object({ id: z.string().describe('the id of the VPN instance') })

function get(url: string, tag: ApiRoute['tag'], summary: string, answer: z.ZodType) {
  return { method: 'GET', url, tag, summary, answer } as const
}

function look(path: string, summary: string, answer: z.ZodType) {
  return get(`/looking-glass${path}`, 'looking glass', summary, answer)
}

function order(action: string, summary: string, errors: readonly ErrorCode[]) {
  return {
    method: 'POST',
    url: `/bgp/peers/:address/${action}`,
    tag: 'operations',
    summary,
    params: address,
    body: peerOrder,
    answer: peerSummary,
    errors: ['PEER_NOT_FOUND', ...errors],
  } as const
}

const peerPart = (path: string, summary: string, answer: z.ZodType) =>
  ({ ...look(`/bgp/peers/:address/${path}`, summary, answer), params: address }) as const

/** The parts of a peer that are behind links. */
const peerParts = {
  peerReceived: peerPart('received_routes', 'The routes that it has sent', glass.shownRoutes),
  peerAdvertised: peerPart('adv_routes', 'The routes that are sent to it', glass.shownRoutes),
  peerQuarantine: peerPart('quarantine', 'NLRI of it that cannot be read', glass.quarantine),
  peerLogs: peerPart('logs', 'Its latest warnings and errors', glass.logRecords),
} as const

const instancePart = (path: string, summary: string, answer: z.ZodType) =>
  ({ ...look(`/vpns/instances/:id/${path}`, summary, answer), params: id }) as const

/** The parts of a VPN instance that are behind links. */
const instanceParts = {
  ports: instancePart('ports', 'Its ports', glass.shownPorts),
  instanceDataplane: instancePart('dataplane', 'Its devices', glass.instanceDataplane),
  instanceEntries: instancePart('dataplane/entries', 'Its kernel entries', glass.shownEntries),
  dataplaneLogs: instancePart('dataplane/logs', 'Warnings and errors about its devices', glass.logRecords),
  received: instancePart('received_routes', 'The routes that it imports', glass.routesBySubject),
  best: instancePart('best_routes', 'The routes that forwarding uses', glass.routesBySubject),
  advertised: instancePart('adv_routes', 'The routes that it advertises', glass.shownRoutes),
  readvertised: instancePart(
    'readvertised',
    'The routes that an IP VPN instance re-advertises',
    glass.shownRoutes,
  ),
  instanceLogs: instancePart('logs', 'Its latest warnings and errors', glass.logRecords),
} as const

/** All documented routes; each is served, except those of VPN instances and of options by a reflector. */
export const ROUTES = {
  root: get('/', 'bagpipe-bgp', 'Nothing, as bagpipe-bgp answers', z.strictObject({})),
  ping: get(
    '/ping',
    'bagpipe-bgp',
    'A number that is new at every start of the daemon',
    z.number().describe('128 bits'),
  ),
  attach: {
    method: 'POST',
    url: '/attach_localport',
    tag: 'bagpipe-bgp',
    summary: 'Attach a port to a VPN instance',
    body: attachBody,
    answer: z.null(),
  },
  detach: {
    method: 'POST',
    url: '/detach_localport',
    tag: 'bagpipe-bgp',
    summary: 'Detach an endpoint, or all of a MAC address',
    body: detachBody,
    answer: z.null(),
  },
  enable: order('enable', 'Let a session come up again', []),
  disable: order('disable', 'End a session, and stay down', []),
  reset: order('reset', 'Restart a session', ['PEER_DISABLED']),
  refresh: order('refresh', 'Ask the peer for its routes again; the session stays up', [
    'PEER_NOT_ESTABLISHED',
    'REFRESH_UNSUPPORTED',
  ]),
  status: get('/status', 'operations', 'The daemon on one page', statusSummary),
  healthz: get('/healthz', 'operations', 'Whether the daemon works at all', ok),
  readyz: {
    ...get('/readyz', 'operations', 'Whether there is forwarding to rely on', ok),
    errors: ['NOT_READY'],
  },
  entries: {
    ...get('/status/entries', 'operations', 'Kernel entries, and what became of each', list(listedEntry)),
    query: z.object({
      state: z.enum(ENTRY_STATES).optional(),
      instance: z.string().optional().describe('the id of a VPN instance'),
      kind: z.string().optional().describe('a kind of entry'),
    }),
    errors: ['INSTANCE_NOT_FOUND'],
  },
  settings: get(
    '/status/settings',
    'operations',
    'Settings of the machine that entries need',
    list(listedSetting),
  ),
  verify: {
    method: 'POST',
    url: '/status/verify',
    tag: 'operations',
    summary: 'Compare the kernel with what it is taken to hold',
    answer: verification,
  },
  explain: {
    ...get('/explain', 'operations', 'Where an address is, and why there', explanation),
    query: z.object({
      address: z.string().describe('a MAC address, an IP address or a prefix'),
      instance: z.string().optional().describe('the id of a VPN instance'),
    }),
    errors: ['INSTANCE_NOT_FOUND'],
  },
  reload: {
    method: 'POST',
    url: '/reload',
    tag: 'operations',
    summary: 'Read the configuration again, as SIGHUP does',
    query: z.object({
      dry_run: z.enum(['true', 'false']).optional().describe('true: compare, and change nothing'),
    }),
    answer: reloadReport,
    errors: ['CONFIG_INVALID'],
  },
  options: get('/config', 'operations', 'The options in effect, and their sources', list(listedOption)),
  metrics: {
    ...get('/metrics', 'operations', 'Counters and gauges, as Prometheus reads them', z.string()),
    mediaType: 'text/plain',
  },
  openapi: get('/openapi.json', 'operations', 'This reference', z.looseObject({ openapi: z.string() })),
  lookingGlass: look('', 'The root of the tree', glass.root),
  summary: look('/summary', 'Counts', glass.summary),
  config: look('/config', 'The configuration in effect', z.record(z.string(), anything)),
  bgp: look('/bgp', 'Parts of BGP', glass.bgp),
  peers: look('/bgp/peers', 'The peers', list(glass.listedPeer)),
  peer: { ...look('/bgp/peers/:address', 'One peer', glass.shownPeer), params: address },
  ...peerParts,
  routes: look('/bgp/routes', 'The routes of the RIB', glass.routeTables),
  memberships: look('/bgp/adv_routes', 'Our route target memberships', glass.shownRoutes),
  workers: look('/bgp/workers', 'The sources of routes', glass.workers),
  worker: {
    ...look('/bgp/workers/:name', 'A source of routes', glass.worker),
    params: z.object({ name: z.string().describe('BGP-ADDRESS of a peer, or the name of a VPN instance') }),
  },
  vpns: look('/vpns', 'Parts of the VPN service', glass.vpns),
  dataplane: look('/vpns/dataplane', 'Parts of the dataplane', glass.dataplane),
  labels: look('/vpns/dataplane/ids', 'The use of each MPLS label', glass.labelUses),
  drivers: look('/vpns/dataplane/drivers', 'The drivers', glass.drivers),
  driver: { ...look('/vpns/dataplane/drivers/:type', 'One driver', glass.driver), params: type },
  driverLogs: {
    ...look('/vpns/dataplane/drivers/:type/logs', 'Its latest warnings and errors', glass.logRecords),
    params: type,
  },
  instances: look('/vpns/instances', 'The VPN instances', list(glass.listedInstance)),
  instance: { ...look('/vpns/instances/:id', 'One VPN instance', glass.shownInstance), params: id },
  ...instanceParts,
  logs: look('/logs', 'The latest warnings and errors, newest first', glass.logRecords),
  lookingGlassPath: {
    ...look('/*', 'Any other part of the tree', anything),
    params: z.object({ '*': z.string().describe('words of the path, with slashes between them') }),
  },
} as const satisfies Record<string, ApiRoute>
