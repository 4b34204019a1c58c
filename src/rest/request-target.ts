import type { IncomingMessage } from 'node:http'

const ABSOLUTE_FORM = /^https?:\/\/(?<host>[^/?#]*)(?<path>.*)$/i

/**
 * A target in absolute form, as clients write it for a proxy, is read as its path, and its host takes the place of the Host header (RFC
 * 9112 §3.2.2). A request without that header stays one, and is refused.
 */
export function readAbsoluteForm(request: IncomingMessage): void {
  const { host, path } = ABSOLUTE_FORM.exec(request.url ?? '')?.groups ?? {}
  if (host === undefined || path === undefined) return
  request.url = path.startsWith('/') ? path : `/${path}`
  if (request.headers.host !== undefined) request.headers.host = host
}
