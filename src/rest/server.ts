import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { RequestError } from '../api/errors.ts'
import type { EventSink } from '../events/event.ts'
import type { VpnService } from '../vpn/service.ts'
import { MAX_BODY_OCTETS, readBody } from './body.ts'
import { answerClientError, apiServer, connectionLimit, limitConnections } from './connections.ts'
import { answerMethodNotAllowed, answerNotFound, errorBody, errorHandler } from './errors.ts'
import { addExplain } from './explain.ts'
import { jsonStream } from './json-stream.ts'
import { lookingGlass, type Views } from './looking-glass/index.ts'
import { find, type Node, show } from './looking-glass/tree.ts'
import type { EventCounters } from './metrics/event-counters.ts'
import { addMetrics } from './metrics/index.ts'
import { parseAttach, parseDetach } from './params.ts'
import { addPeers } from './peers.ts'
import { addStatus } from './status.ts'

export interface RestDependencies {
  /** What attaches and detaches; null for a program without VPN services, which only shows what it does. */
  readonly vpns: VpnService | null
  readonly views: Views
  /** For what Fastify itself has to say. */
  readonly log: Logger
  readonly events: EventSink
  /** What has been counted of these events since the start. */
  readonly counters: EventCounters
  /** What `/ping` answers, see `newPing`. */
  readonly ping: string
}

const LOOKING_GLASS = '/looking-glass'
/** Methods that bagpipe-bgp answers like a GET of nothing. */
const READING = ['GET', 'PATCH', 'OPTIONS']
const empty = (): unknown => ({})

/** The HTTP face: bagpipe-bgp's API, ready to listen or to be tested by `inject`. */
export function restServer({ vpns, views, log, events, counters, ping }: RestDependencies): FastifyInstance {
  const answerError = errorHandler(events)
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    bodyLimit: MAX_BODY_OCTETS,
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
    serverFactory: apiServer,
    rewriteUrl: ({ url = '/' }) => canonicalUrl(url),
  })

  const isRefused = limitConnections(app.server, connectionLimit())
  app.addHook('onRequest', (request, reply, done) => {
    delete request.raw.headers['content-type'] // agents send JSON under any, or none
    if (!isRefused(request.socket)) return done()
    void reply.code(503).header('connection', 'close').send(errorBody('TOO_MANY_CONNECTIONS'))
  })

  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode: status, elapsedTime }) => {
    const route = routeOptions.url ?? null
    events.emit({ type: 'api-request', method, route, status, seconds: elapsedTime / 1000 })
  })

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerNotFound)

  app.route({ method: READING, url: '/', handler: empty })
  app.route({ method: ['POST', 'PUT', 'DELETE'], url: '/', handler: answerMethodNotAllowed })

  app.all('/ping', (_request, reply) => reply.type('application/json').send(ping))

  if (vpns !== null) addAttachments(app, vpns)
  addPeers(app, views.speaker, events)
  addStatus(app, views)
  addMetrics(app, views, counters)
  addExplain(app, views.speaker, views.services)

  for (const url of [LOOKING_GLASS, `${LOOKING_GLASS}/*`]) {
    app.get(url, async (request, reply) => {
      const base = `${request.protocol}://${request.host}${LOOKING_GLASS}`
      const found = await nodeAt(lookingGlass(views, base), pathBelow(request.originalUrl))
      if (found === undefined) return answerNotFound(request, reply)
      const href = [base, ...found.path.map(encodeURIComponent)].join('/')
      return reply.type('application/json').send(jsonStream(show(found.node, href), request.socket))
    })
    app.route({ method: ['PATCH', 'OPTIONS'], url, handler: empty })
    app.route({ method: ['POST', 'PUT', 'DELETE'], url, handler: answerMethodNotAllowed })
  }
  return app
}

/** What the agents call. */
function addAttachments(app: FastifyInstance, vpns: VpnService): void {
  app.post('/attach_localport', async (request, reply) => {
    await vpns.attach(parseAttach(readBody(request.body)))
    return reply.type('application/json').send('null')
  })
  app.post('/detach_localport', async (request, reply) => {
    await vpns.detach(parseDetach(readBody(request.body)))
    return reply.type('application/json').send('null')
  })
  for (const url of ['/attach_localport', '/detach_localport']) {
    app.route({ method: READING, url, handler: empty })
    app.route({ method: ['PUT', 'DELETE'], url, handler: answerMethodNotAllowed })
  }
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

/** The words of a path below the looking glass, as the client spelled them. */
function pathBelow(url: string): string[] {
  const [, ...words] = (url.split('?')[0] ?? '').split('/').filter((part) => part !== '')
  try {
    return words.map(decodeURIComponent)
  } catch {
    throw new RequestError('PATH_INVALID', 'the path is not valid percent-encoding')
  }
}

/** The node at a path, which may have `.json` behind it: an id may end so too. */
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
