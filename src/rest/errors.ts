import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { MAX_ID_OCTETS } from '../api/attachment.ts'
import { ERRORS, type ErrorAnswer, type ErrorCode, RequestError } from '../api/errors.ts'
import { type EventSink, errorOf } from '../events/event.ts'

export function errorBody(code: ErrorCode, description: string = ERRORS[code].words): ErrorAnswer {
  const { status } = ERRORS[code]
  return { code: status, title: STATUS_CODES[status] ?? 'Error', description, error_code: code }
}

/** Errors of Fastify, by their codes. */
const FASTIFY_ERRORS: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_BAD_URL: 'PATH_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'PATH_TOO_LONG',
}

/** The code of an error that a handler or Fastify threw; null for an internal error. */
function codeOf(error: unknown): ErrorCode | null {
  if (error instanceof RequestError) return error.code
  const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown }
  const known = typeof code === 'string' ? FASTIFY_ERRORS[code] : undefined
  if (known !== undefined) return known
  return typeof statusCode === 'number' && statusCode < 500 ? 'REQUEST_UNREADABLE' : null
}

/** Answers errors as JSON, whatever the client accepts; internal ones are logged with their stack. */
export function errorHandler(events: EventSink) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const code = codeOf(thrown)
    const error = errorOf(thrown)
    const body = code === null ? errorBody('INTERNAL') : errorBody(code, error.message)
    const { method, url } = request
    const facts = { method, url, status: body.code, reason: error.message }
    if (code === null) events.emit({ type: 'request-failed', ...facts, error })
    else events.emit({ type: 'request-refused', ...facts, ...instanceOf(request.body), code })
    send(reply, body)
  }
}

/** The VPN instance that a request is about, where its body was read so far. */
function instanceOf(body: unknown): { readonly instance?: string } {
  if (typeof body !== 'object' || body === null || !('vpn_instance_id' in body)) return {}
  const { vpn_instance_id: id } = body
  return typeof id === 'string' && Buffer.byteLength(id) <= MAX_ID_OCTETS ? { instance: id } : {}
}

export function answerMethodNotAllowed(request: FastifyRequest, reply: FastifyReply): void {
  send(reply, errorBody('METHOD_NOT_ALLOWED', `${request.method} is not allowed for this resource`))
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  send(reply, errorBody('RESOURCE_NOT_FOUND', `no such resource: ${request.url}`))
}

function send(reply: FastifyReply, body: ErrorAnswer): void {
  void reply.code(body.code).type('application/json; charset=utf-8').send(body)
}
