import type { FastifyInstance } from 'fastify'
import { ROUTES } from '../../api/routes.ts'
import type { Views } from '../looking-glass/index.ts'
import { readQuery } from '../query.ts'
import { serve } from '../serve.ts'
import { refuseOthers } from '../status.ts'
import { turn } from '../turns.ts'
import type { EventCounters } from './event-counters.ts'
import { addNodeMetrics } from './node-metrics.ts'
import { addPeerMetrics } from './peer-metrics.ts'

/** `GET /metrics`, in the text format of Prometheus; other requests get their turn between two metrics. */
export function addMetrics(app: FastifyInstance, views: Views, { registry }: EventCounters): void {
  addPeerMetrics(registry, views.speaker)
  addNodeMetrics(registry, views)
  const names = registry.getMetricsAsArray().map(({ name }) => name)
  serve(app, ROUTES.metrics, async (request, reply) => {
    readQuery(request)
    const texts: string[] = []
    for (const name of names) {
      await turn()
      texts.push(await registry.getSingleMetricAsString(name))
    }
    return reply.type(registry.contentType).send(`${texts.join('\n\n')}\n`)
  })
  refuseOthers(app, '/metrics', ['POST', 'PUT', 'PATCH', 'DELETE'])
}
