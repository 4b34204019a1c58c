import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema } from 'fastify'
import * as z from 'zod'
import { ERRORS, type ErrorCode, errorAnswer } from '../api/errors.ts'
import { routeAttributes } from '../api/looking-glass.ts'
import { type ApiRoute, ROUTES } from '../api/routes.ts'
import { attributeNames } from '../bgp/attribute/index.ts'
import { serve } from './serve.ts'
import { json, refuseOthers } from './status.ts'

const ERROR = 'Error'

/** The path attributes of a route in the looking glass. */
const ATTRIBUTE_PROPERTIES = Object.fromEntries(
  [...attributeNames].map(([shownAs, description]) => [shownAs, { type: 'string' as const, description }]),
)

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
    refResolver: { buildLocalReference: ({ $id }, _uri, _fragment, i) => String($id ?? i) },
    transform: ({ route, url }) => {
      const documented = route.config?.documented
      if (documented === undefined) return { schema: { hide: true }, url }
      return { schema: documentation(documented), url: documented.url }
    },
  })
  app.addSchema({ $id: ERROR, ...jsonSchema(errorAnswer, 'output') })
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

/** The parameters and answers of a route, as JSON Schema. */
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
      default: { $ref: `${ERROR}#`, description: 'Any other error' },
    },
  }
}

function errorsByStatus(codes: readonly ErrorCode[]): Record<number, object> {
  const byStatus = Object.groupBy(codes, (code) => ERRORS[code].status)
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, some = []]) => [
      status,
      {
        $ref: `${ERROR}#`,
        description: some.map((code) => `${code}: ${ERRORS[code].words}`).join('; '),
      },
    ]),
  )
}

/** Later versions may return more than is documented now. */
function jsonSchema(type: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, {
    io,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema: one }) {
      if (zodSchema === routeAttributes) one.properties = ATTRIBUTE_PROPERTIES
      delete one.readOnly
      if (one.maximum === Number.MAX_SAFE_INTEGER) delete one.maximum
      if (one.minimum === Number.MIN_SAFE_INTEGER) delete one.minimum
      if (one.additionalProperties === false) delete one.additionalProperties
    },
  })
  return schema
}
