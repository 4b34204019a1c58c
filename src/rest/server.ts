import type { AddressInfo } from 'node:net'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RouteHandlerMethod,
} from 'fastify'
import type { Logger } from 'pino'
import { MAX_ID_OCTETS } from '../api/attachment.ts'
import type { ListedOption } from '../api/config.ts'
import { RequestError } from '../api/errors.ts'
import type { Reload } from '../api/reload.ts'
import { ROUTES } from '../api/routes.ts'
import type { EventSink } from '../events/event.ts'
import { safeJson } from '../values/controls.ts'
import type { VpnService } from '../vpn/service.ts'
import { type ApiAccess, accessCheck, LOCAL_ACCESS } from './access.ts'
import { MAX_BODY_OCTETS, readBody } from './body.ts'
import { answerClientError, apiServer, ConnectionLimit, connectionLimit } from './connections.ts'
import { answerNotFound, errorBody, errorHandler } from './errors.ts'
import { addExplain } from './explain.ts'
import { addFileServer } from './file-server.ts'
import { jsonStream } from './json-stream.ts'
import { lookingGlass, type Views } from './looking-glass/index.ts'
import { find, type Node, show } from './looking-glass/tree.ts'
import type { EventCounters } from './metrics/event-counters.ts'
import { addMetrics } from './metrics/index.ts'
import { parseAttach, parseDetach } from './params.ts'
import { addPeers } from './peers.ts'
import { addDocumented } from './reference.ts'
import { addOptions, addReload } from './reload.ts'
import { RequestRates } from './request-rates.ts'
import { serve } from './serve.ts'
import { addStatus, json, refuseOthers } from './status.ts'

export interface RestDependencies {
  /** The service for attach and detach; null for a program without VPN services, which is read-only. */
  readonly vpns: Pick<VpnService, 'attach' | 'detach'> | null
  /** Reads the configuration again; null for a program without a configuration file. */
  readonly reload: Reload | null
  /** The options in effect; absent for a program without a configuration file. */
  readonly options?: () => readonly ListedOption[]
  readonly views: Views
  /** For what is wrong in Fastify itself. */
  readonly log: Logger
  readonly events: EventSink
  /** The event counts since the start. */
  readonly counters: EventCounters
  /** The answer of `/ping`, see `newPing`. */
  readonly ping: string
  /** How many file descriptors the process may have. */
  readonly descriptors: number
  /** Who is answered at present; as `LOCAL_ACCESS` when not given. */
  readonly access?: () => ApiAccess
}

const LOOKING_GLASS = '/looking-glass'
/** Of a part of a path: an id has at most 247 octets, each of which may be three characters there. */
const MAX_PARAM_LENGTH = 3 * MAX_ID_OCTETS
const empty = (): unknown => ({})

/** The HTTP server: bagpipe-bgp's API, ready to listen or to be tested by `inject`. */
export function restServer(dependencies: RestDependencies): FastifyInstance {
  const { views, log, events, access = () => LOCAL_ACCESS } = dependencies
  const answerError = errorHandler(events)
  const limit = new ConnectionLimit(connectionLimit(dependencies.descriptors))
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    bodyLimit: MAX_BODY_OCTETS,
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
    serverFactory: (handler) => apiServer(handler, limit, () => access().tls),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    rewriteUrl: ({ url = '/' }) => canonicalUrl(url),
  })
  checkRequests(app, limit, access, new RequestRates(() => views.uptimeMs()))
  finishAnswers(app, events)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerNotFound)
  addDocumented(app, views.version, (routes) => addRoutes(routes, dependencies))
  return app
}

/** Refuses requests before anything of them is read but their headers. */
function checkRequests(
  app: FastifyInstance,
  limit: ConnectionLimit,
  access: () => ApiAccess,
  rates: RequestRates,
): void {
  const refusal = accessCheck(access, addFileServer(app, limit))
  app.addHook('onRequest', (request, reply, done) => {
    delete request.raw.headers['content-type'] // agents send JSON under any type, or none
    if (limit.isRefused(request.socket))
      return void reply.code(503).header('connection', 'close').send(errorBody('TOO_MANY_CONNECTIONS'))
    const early = rates.early(request.socket, access().requestRate)
    if (early > 0) return done(tooManyRequests(request, reply, early))
    const refused = refusal(request)
    if (refused?.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer')
    done(refused)
  })
}

/** What all answers have in common; each is an event. */
function finishAnswers(app: FastifyInstance, events: EventSink): void {
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-content-type-options', 'nosniff')
    return typeof payload === 'string' && isJson(reply) ? safeJson(payload) : payload
  })
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode: status, elapsedTime }) => {
    const route = routeOptions.url ?? null
    events.emit({ type: 'api-request', method, route, status, seconds: elapsedTime / 1000 })
  })
}

function addRoutes(
  app: FastifyInstance,
  { vpns, reload, options, views, events, counters, ping }: RestDependencies,
): void {
  serve(app, ROUTES.root, empty)
  answerEmpty(app, '/')
  refuseOthers(app, '/', ['POST', 'PUT', 'DELETE'])
  addPing(app, ping)
  if (vpns !== null) addAttachments(app, vpns)
  addPeers(app, views.speaker, events)
  if (reload !== null) addReload(app, reload)
  if (options !== undefined) addOptions(app, options)
  addStatus(app, views)
  addMetrics(app, views, counters)
  addExplain(app, views.speaker, views.services)
  addLookingGlass(app, views)
}

/** What to do where the API cannot listen, by the code of the error. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there, bagpipe-bgp perhaps: stop it, or choose another port',
  EADDRNOTAVAIL: 'this machine does not have that address: choose one that it has',
  EACCES: 'choose a port from 1024 on, or start it with CAP_NET_BIND_SERVICE',
  ENOTFOUND: 'name an address',
  EAI_AGAIN: 'name an address',
}

/** Listens at an address; port 0 is any. Rejects with the reason and the remedy where it cannot. */
export async function listenAt(
  app: FastifyInstance,
  { host: address, port }: { readonly host: string; readonly port: number },
  events: EventSink,
): Promise<void> {
  await app.listen({ host: address, port }).catch((error: NodeJS.ErrnoException) => {
    const remedy = REMEDIES[error.code ?? '']
    const what = `the API cannot listen on ${address} port ${port}: ${error.message}`
    throw new Error(remedy === undefined ? what : `${what}: ${remedy}`)
  })
  const bound = app.server.address() as AddressInfo
  events.emit({ type: 'api-listening', address, port: bound.port })
}

/** Has the client connect again, so that a flood costs it more than us. */
function tooManyRequests(request: FastifyRequest, reply: FastifyReply, earlyMs: number): RequestError {
  reply.header('retry-after', Math.ceil(earlyMs / 1000)).header('connection', 'close')
  return new RequestError(
    'TOO_MANY_REQUESTS',
    `${request.ip} sends more requests than [API] request_rate allows: send less, or raise it`,
  )
}

function isJson(reply: FastifyReply): boolean {
  return `${reply.getHeader('content-type')}`.startsWith('application/json')
}

/** Accepts any method. */
function addPing(app: FastifyInstance, ping: string): void {
  const answer: RouteHandlerMethod = (_request, reply) => json(reply).send(ping)
  serve(app, ROUTES.ping, answer)
  const others = app.supportedMethods.filter((method) => method !== 'GET' && method !== 'HEAD')
  app.route({ method: others, url: '/ping', handler: answer })
}

/** The routes for agents. */
function addAttachments(app: FastifyInstance, vpns: Pick<VpnService, 'attach' | 'detach'>): void {
  serve(app, ROUTES.attach, async (request, reply) => {
    request.body = readBody(request.body)
    await vpns.attach(parseAttach(request.body))
    return json(reply).send('null')
  })
  serve(app, ROUTES.detach, async (request, reply) => {
    request.body = readBody(request.body)
    await vpns.detach(parseDetach(request.body))
    return json(reply).send('null')
  })
  for (const { url } of [ROUTES.attach, ROUTES.detach]) {
    app.get(url, empty)
    answerEmpty(app, url)
    refuseOthers(app, url, ['PUT', 'DELETE'])
  }
}

function addLookingGlass(app: FastifyInstance, views: Views): void {
  const handler: RouteHandlerMethod = async (request, reply) => {
    const base = `${request.protocol}://${request.host}${LOOKING_GLASS}`
    const found = await nodeAt(lookingGlass(views, base), pathBelow(request.originalUrl))
    if (found === undefined) return answerNotFound(request, reply)
    const href = [base, ...found.path.map(encodeURIComponent)].join('/')
    return json(reply).send(jsonStream(show(found.node, href), request.socket))
  }
  const isServed = (url: string) => views.services !== null || !url.startsWith(`${LOOKING_GLASS}/vpns`)
  for (const documented of Object.values(ROUTES))
    if (documented.tag === 'looking glass' && isServed(documented.url)) serve(app, documented, handler)
  for (const url of [LOOKING_GLASS, `${LOOKING_GLASS}/*`]) {
    answerEmpty(app, url)
    refuseOthers(app, url, ['POST', 'PUT', 'DELETE'])
  }
}

/** bagpipe-bgp answers these methods like a GET with an empty body. */
function answerEmpty(app: FastifyInstance, url: string): void {
  app.route({ method: ['PATCH', 'OPTIONS'], url, handler: empty })
}

/** `/x.json`, `/x/` and `//x` are `/x`. */
function canonicalUrl(url: string): string {
  const [path = '', ...query] = url.split('?')
  const plain = path
    .replace(/\.json$/, '')
    .replace(/\/+/g, '/')
    .replace(/\/$/, '')
  return [plain === '' ? '/' : plain, ...query].join('?')
}

/** The parts of a path below the looking glass, as the client wrote them. */
function pathBelow(url: string): string[] {
  const [, ...words] = (url.split('?')[0] ?? '').split('/').filter((part) => part !== '')
  try {
    return words.map(decodeURIComponent)
  } catch {
    throw new RequestError('PATH_INVALID', 'the path is not valid percent-encoding')
  }
}

/** The node at a path, which may end in `.json`, as an id may too. */
async function nodeAt(
  root: Node,
  path: readonly string[],
): Promise<{ node: Node; path: readonly string[] } | undefined> {
  const bare = [...path.slice(0, -1), ...path.slice(-1).map((last) => last.replace(/\.json$/, ''))]
  for (const candidate of [path, bare]) {
    const node = await find(root, candidate)
    if (node !== undefined) return { node, path: candidate }
  }
  return undefined
}
