import type { FastifyInstance } from 'fastify'
import type { ListedOption } from '../api/config.ts'
import { RequestError } from '../api/errors.ts'
import type { Reload } from '../api/reload.ts'
import { ROUTES } from '../api/routes.ts'
import { choice, readQuery } from './query.ts'
import { serve } from './serve.ts'
import { json, refuseOthers } from './status.ts'

/** `GET /config`: the options in effect. */
export function addOptions(app: FastifyInstance, options: () => readonly ListedOption[]): void {
  serve(app, ROUTES.options, (request, reply) => {
    readQuery(request)
    return json(reply).send(JSON.stringify(options()))
  })
  refuseOthers(app, ROUTES.options.url, ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
}

/** `POST /reload`: the daemon reads its configuration again; the request has no options of it. */
export function addReload(app: FastifyInstance, reload: Reload): void {
  serve(app, ROUTES.reload, async (request, reply) => {
    const { dry_run } = readQuery(request, ROUTES.reload.query)
    const dryRun = choice('dry_run', dry_run, ['true', 'false']) === 'true'
    const outcome = await reload({ dryRun })
    if ('findings' in outcome) throw new RequestError('CONFIG_INVALID', outcome.findings.join('\n'))
    return json(reply).send(JSON.stringify(outcome.report))
  })
  refuseOthers(app, ROUTES.reload.url, ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
}
