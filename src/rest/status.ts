import type { FastifyInstance, FastifyReply } from 'fastify'
import { ENTRY_STATES } from '../api/entries.ts'
import { RequestError } from '../api/errors.ts'
import { ROUTES } from '../api/routes.ts'
import type { VpnInstance } from '../vpn/instance.ts'
import type { VpnService } from '../vpn/service.ts'
import { answerMethodNotAllowed, errorBody } from './errors.ts'
import { jsonStream } from './json-stream.ts'
import type { Views } from './looking-glass/index.ts'
import { choice, readQuery } from './query.ts'
import { serve } from './serve.ts'
import { showVerification, statusEntries, statusSettings } from './status-entries.ts'
import { statusSummary, whyNotReady } from './status-summary.ts'
import { shared } from './turns.ts'

/** `GET /status`, `/status/entries`, `/status/settings`, `/healthz`, `/readyz`, and `POST /status/verify`; kernel routes only where there is a kernel. */
export function addStatus(app: FastifyInstance, views: Views): void {
  const { services } = views
  const summary = shared(async () => JSON.stringify(await statusSummary(views, views.now())))
  serve(app, ROUTES.status, async (request, reply) => {
    readQuery(request)
    return json(reply).send(await summary())
  })
  serve(app, ROUTES.healthz, (_request, reply) => json(reply).send('{"ok":true}'))
  serve(app, ROUTES.readyz, (_request, reply) => {
    const why = whyNotReady(views)
    return why === null ? json(reply).send('{"ok":true}') : reply.code(503).send(errorBody('NOT_READY', why))
  })
  for (const url of ['/status', '/healthz', '/readyz'])
    refuseOthers(app, url, ['POST', 'PUT', 'PATCH', 'DELETE'])
  if (services === null) return
  const { vpns, dataplane } = services
  serve(app, ROUTES.entries, (request, reply) => {
    const query = readQuery(request, ROUTES.entries.query)
    const filter = {
      state: choice('state', query.state, ENTRY_STATES),
      kind: choice('kind', query.kind, dataplane.kinds),
      instance: query.instance === undefined ? null : instanceNamed(query.instance, vpns),
    }
    return json(reply).send(jsonStream(statusEntries(vpns, dataplane, filter), request.socket))
  })
  refuseOthers(app, '/status/entries', ['POST', 'PUT', 'PATCH', 'DELETE'])
  serve(app, ROUTES.settings, (request, reply) => {
    readQuery(request)
    return json(reply).send(jsonStream(statusSettings(dataplane), request.socket))
  })
  refuseOthers(app, '/status/settings', ['POST', 'PUT', 'PATCH', 'DELETE'])
  serve(app, ROUTES.verify, async (request, reply) => {
    readQuery(request)
    return json(reply).send(JSON.stringify(showVerification(await dataplane.verify(), dataplane)))
  })
  refuseOthers(app, '/status/verify', ['GET', 'PUT', 'PATCH', 'DELETE'])
}

/** The instance of that id. Throws `RequestError`. */
export function instanceNamed(id: string, { instances }: VpnService): VpnInstance {
  const instance = instances.get(id)
  if (instance === undefined) throw new RequestError('INSTANCE_NOT_FOUND', `there is no VPN instance ${id}`)
  return instance
}

export function json(reply: FastifyReply): FastifyReply {
  return reply.type('application/json')
}

export function refuseOthers(app: FastifyInstance, url: string, method: string[]): void {
  app.route({ method, url, handler: answerMethodNotAllowed })
}
