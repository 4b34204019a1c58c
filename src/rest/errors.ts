import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type EventSink, errorOf } from '../events/event.ts'
import { Failed, Rejected } from '../vpn/request.ts'

/** The body of every answer that is not 200. */
export interface ErrorBody {
  readonly code: number
  readonly title: string
  readonly description: string
}

export function errorBody(code: number, description: string): ErrorBody {
  return { code, title: STATUS_CODES[code] ?? 'Error', description }
}

/** A request that is wrong in itself. */
export class BadRequest extends Error {}

/** A request about something that is not there. */
export class NotFound extends Error {}

/** A request that is right, but not now. */
export class Conflict extends Error {}

/** The status of an error that a handler threw. */
function statusOf(error: unknown): number {
  if (error instanceof BadRequest || error instanceof Rejected) return 400
  if (error instanceof NotFound) return 404
  if (error instanceof Conflict) return 409
  if (error instanceof Failed) return 500
  const status = (error as { statusCode?: unknown }).statusCode
  return typeof status === 'number' ? status : 500
}

/** Answers errors as JSON, whatever the client accepts; those of our own making are told with their stack. */
export function errorHandler(events: EventSink) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const status = statusOf(thrown)
    const error = errorOf(thrown)
    const expected = status < 500 || error instanceof Failed
    const { method, url } = request
    const facts = { method, url, status, reason: error.message }
    if (expected) events.emit({ type: 'request-refused', ...facts })
    else events.emit({ type: 'request-failed', ...facts, error })
    const internal = 'An internal error occurred; the log of the daemon has the details'
    void reply.code(status).send(errorBody(status, expected ? error.message : internal))
  }
}

export function answerMethodNotAllowed(request: FastifyRequest, reply: FastifyReply): void {
  void reply.code(405).send(errorBody(405, `${request.method} is not allowed for this resource`))
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  void reply.code(404).send(errorBody(404, `no such resource: ${request.url}`))
}
