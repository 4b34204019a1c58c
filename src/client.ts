/** Where a daemon's REST API listens. */
export interface Server {
  readonly host: string
  readonly port: number
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** A daemon does not answer; the message is one line with the attempt and the remedy. */
export class NoAnswer extends Error {
  /** The connection was accepted, but there was no answer. */
  readonly isSilent: boolean

  constructor(message: string, isSilent: boolean) {
    super(message)
    this.isSilent = isSilent
  }
}

/** An attach may wait for the kernel, but a request to a daemon in trouble must still end. */
const TIMEOUT_MS = 60_000

export function urlOf({ host, port }: Server, path: string): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
}

/** GETs `path`, or POSTs `body` to it as JSON. Throws NoAnswer. */
export async function request(server: Server, path: string, body?: unknown): Promise<Answer> {
  const url = urlOf(server, path)
  const post = { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
  try {
    const response = await fetch(url, {
      ...(body === undefined ? {} : post),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return { status: response.status, body: await response.text() }
  } catch (error) {
    const why = reason(error)
    const advice =
      why === 'connection refused'
        ? 'is the daemon running there? `chanter daemon` starts it'
        : 'is that the right address?'
    throw new NoAnswer(`no answer from ${url} (${why}): ${advice}`, isTimeout(error))
  }
}

/** The JSON of an answer, whose type the caller knows. Throws the daemon's message where it is not 200. */
export function jsonOf<T>(answer: Answer): T {
  if (answer.status !== 200) throw new Error(complaint(answer))
  return JSON.parse(answer.body)
}

/** The JSON at `path`, whose type the caller knows. Throws when the answer is not 200. */
export async function fetchJson<T>(server: Server, path: string): Promise<T> {
  const answer = await request(server, path)
  if (answer.status !== 200) throw new Error(`${urlOf(server, path)} answered ${complaint(answer)}`)
  return JSON.parse(answer.body)
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}

/** The words for why fetch failed; it wraps the socket's error, which may be one for each address of a name. */
function reason(error: unknown): string {
  if (isTimeout(error)) return `nothing within ${TIMEOUT_MS / 1000} s`
  if (error instanceof AggregateError) return reason(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return reason(error.cause)
  return 'code' in error && error.code === 'ECONNREFUSED' ? 'connection refused' : error.message
}

/** The message of an answer that is not 200: its description where it has one. */
export function complaint({ status, body }: Answer): string {
  return `${status}: ${describe(body)}`
}

function describe(body: string): string {
  try {
    const { title, description } = JSON.parse(body)
    return [title, description].filter((part) => typeof part === 'string').join(': ') || body
  } catch {
    return body.replace(/(<[^>]*>|\s)+/g, ' ').trim()
  }
}
