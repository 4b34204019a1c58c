import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema } from 'fastify'
import * as z from 'zod'
import { ERRORS, type ErrorCode, errorAnswer } from '../api/errors.ts'
import { type ApiRoute, ROUTES } from '../api/routes.ts'
import { serve } from './serve.ts'
import { json, refuseOthers } from './status.ts'

/** Adds routes, and `GET /openapi.json`, which documents those that are added by `serve`. */
export function addDocumented(
  app: FastifyInstance,
  version: string,
  add: (routes: FastifyInstance) => void,
): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'chanter', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      servers: [{ url: '/' }],
    },
    hideUntagged: true,
    convertConstToEnum: false,
    transform: ({ route, url }) => {
      const documented = route.config?.documented
      if (documented === undefined) return { schema: { hide: true }, url }
      return { schema: documentation(documented), url: documented.url }
    },
  })
  app.register((routes, _options, done) => {
    add(routes)
    let text: string | undefined
    serve(routes, { ...ROUTES.openapi, served: '/openapi' }, (_request, reply) => {
      text ??= JSON.stringify(app.swagger())
      return json(reply).send(text)
    })
    refuseOthers(routes, '/openapi', ['POST', 'PUT', 'PATCH', 'DELETE'])
    done()
  })
}

/** What a route takes and answers, as JSON Schema. */
function documentation(route: ApiRoute): FastifySchema {
  const { tag, summary, params, query, body, answer, mediaType, errors = [] } = route
  const schema = jsonSchema(answer, 'output')
  return {
    tags: [tag],
    summary,
    ...(params && { params: jsonSchema(params, 'input') }),
    ...(query && { querystring: jsonSchema(query, 'input') }),
    ...(body && { body: jsonSchema(body, 'input') }),
    response: {
      200: {
        description: 'The answer',
        ...(mediaType === undefined ? schema : { content: { [mediaType]: { schema } } }),
      },
      ...errorsByStatus(errors),
      default: { ...jsonSchema(errorAnswer, 'output'), description: 'Any other error' },
    },
  }
}

function errorsByStatus(codes: readonly ErrorCode[]): Record<number, object> {
  const byStatus = Object.groupBy(codes, (code) => ERRORS[code].status)
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, some = []]) => [
      status,
      {
        ...jsonSchema(errorAnswer, 'output'),
        description: some.map((code) => `${code}: ${ERRORS[code].words}`).join('; '),
      },
    ]),
  )
}

/** Later versions may answer more than is documented now. */
function jsonSchema(type: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, {
    io,
    unrepresentable: 'any',
    override({ jsonSchema: one }) {
      delete one.readOnly
      if (one.additionalProperties === false) delete one.additionalProperties
    },
  })
  return schema
}
