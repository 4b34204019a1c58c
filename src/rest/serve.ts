import type { FastifyInstance, RouteHandlerMethod } from 'fastify'
import type { ApiRoute } from '../api/routes.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the reference says of the route. */
    readonly documented?: ApiRoute
  }
}

/** Serves a route as it is documented. Nothing is validated by the documentation: handlers read parameters, and the types of answers hold them. */
export function serve(app: FastifyInstance, documented: ApiRoute, handler: RouteHandlerMethod): void {
  const { method, url, served = url } = documented
  app.route({ method, url: served, config: { documented }, handler })
}
