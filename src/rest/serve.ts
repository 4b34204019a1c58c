import type { FastifyInstance, RouteHandlerMethod } from 'fastify'
import type { ApiRoute } from '../api/routes.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The documentation of the route. */
    readonly documented?: ApiRoute
  }
}

/** Serves a documented route. The documentation validates nothing: handlers read parameters, and types check the answers. */
export function serve(app: FastifyInstance, documented: ApiRoute, handler: RouteHandlerMethod): void {
  const { method, url, served = url } = documented
  app.route({ method, url: served, config: { documented }, handler })
}
