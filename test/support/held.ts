import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import { errorAnswer } from '../../src/api/errors.ts'

/** An API that fails where an answer is not what its schema says; for tests that use the API. */
export function held(app: FastifyInstance): FastifyInstance {
  app.addHook('onSend', async (request, reply, payload) => {
    const { documented } = request.routeOptions.config
    if (request.method === 'HEAD') return payload
    const answer = payload instanceof Readable ? await text(payload) : String(payload)
    if (reply.getHeader('content-type')?.toString().includes('text/plain')) return answer
    const schema = reply.statusCode === 200 ? documented?.answer : errorAnswer
    const result = schema?.safeParse(JSON.parse(answer))
    if (result?.success !== false) return answer
    const wrong = result.error.issues.slice(0, 5).map((issue) => JSON.stringify(issue))
    process.stderr.write(`${request.method} ${request.url} is not as documented: ${wrong.join('\n')}\n`)
    reply.code(500)
    return JSON.stringify({ not_as_documented: wrong, answer })
  })
  return app
}
