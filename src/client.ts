import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'

/** Where a daemon's REST API listens, and what a client presents there. */
export interface Server {
  readonly host: string
  readonly port: number
  /** Path of the Unix socket that takes the place of both. */
  readonly socket?: string | undefined
  /** Bearer token. */
  readonly token?: string | undefined
  /** With it, the connection uses TLS. */
  readonly tls?: ClientTls | undefined
}

/** PEM texts. */
export interface ClientTls {
  /** The CAs that the certificate of the daemon may be of; those of the system when not given. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
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

/** Of an answer that is none of a daemon. */
const SHOWN_CHARACTERS = 80
/** An attach may wait for the kernel, but a request to a daemon in trouble must still end. */
const TIMEOUT_MS = 60_000

/** An address of IPv6 without the brackets that it has in URLs; other hosts unchanged. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

export function urlOf({ host, port, socket, tls }: Server, path: string): string {
  if (socket !== undefined) return `unix:${socket}:${path}`
  const scheme = tls === undefined ? 'http' : 'https'
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
}

/** GETs `path`, or POSTs `body` to it as JSON. Throws NoAnswer. */
export async function request(server: Server, path: string, body?: unknown): Promise<Answer> {
  try {
    return await exchange(server, path, body)
  } catch (error) {
    const isSilent = error instanceof Silence
    const why = reason(error)
    const advice =
      why === 'connection refused'
        ? 'is the daemon running there? `chanter daemon` starts it'
        : 'is that the right address?'
    throw new NoAnswer(`no answer from ${urlOf(server, path)} (${why}): ${advice}`, isSilent)
  }
}

class Silence extends Error {
  constructor() {
    super(`nothing within ${TIMEOUT_MS / 1000} s`)
  }
}

function exchange(server: Server, path: string, body: unknown): Promise<Answer> {
  const { host, port, socket, token, tls } = server
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const options: RequestOptions = {
    ...(socket === undefined ? { host, port } : { socketPath: socket }),
    ...tls,
    // a connection of its own: the daemon may close one that waits for the next request just as that is sent (RFC 9112 §9.5)
    agent: false,
    path,
    method: payload === undefined ? 'GET' : 'POST',
    headers: {
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
  }
  return new Promise((resolve, reject) => {
    const sent = (tls === undefined ? httpRequest : httpsRequest)(options)
    const silence = setTimeout(() => {
      reject(new Silence())
      sent.destroy()
    }, TIMEOUT_MS)
    sent.once('close', () => clearTimeout(silence))
    sent.once('error', reject)
    sent.once('response', (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject)
    })
    sent.end(payload)
  })
}

/** The object of an answer, which has these members. Throws the daemon's message where it is not 200. */
export function objectOf<T extends object>(answer: Answer, ...members: readonly (keyof T & string)[]): T {
  const read = jsonOf(answer)
  if (!hasMembers(read, members)) throw strange(answer)
  return read as T
}

/** The list of an answer, whose items have these members. Throws the daemon's message where it is not 200. */
export function listOf<T extends object>(answer: Answer, ...members: readonly (keyof T & string)[]): T[] {
  const read = jsonOf(answer)
  if (!Array.isArray(read) || !read.every((item) => hasMembers(item, members))) throw strange(answer)
  return read
}

function jsonOf(answer: Answer): unknown {
  if (answer.status !== 200) throw new Error(complaint(answer))
  return parsed(answer)
}

function hasMembers(value: unknown, members: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && members.every((member) => member in value)
}

/** Another program answers at the address, or another version. */
function strange({ body }: Answer): Error {
  const start = body.slice(0, SHOWN_CHARACTERS)
  const shown = start === body ? body : `${start}...`
  return new Error(
    `the answer is none of a chanter daemon of this version: ${shown}: is that the right address?`,
  )
}

/** The JSON at `path`, whose type the caller knows. Throws when the answer is not 200. */
export async function fetchJson<T>(server: Server, path: string): Promise<T> {
  const answer = await request(server, path)
  if (answer.status !== 200) throw new Error(`${urlOf(server, path)} answered ${complaint(answer)}`)
  return parsed(answer)
}

function parsed<T>({ body }: Answer): T {
  try {
    return JSON.parse(body)
  } catch {
    throw new Error('the answer is no JSON: is that the address of a chanter daemon?')
  }
}

/** The words for an error of the socket, or of the first of several: one for each address of a name. */
function reason(error: unknown): string {
  if (error instanceof AggregateError) return reason(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such socket'
  return code === 'ECONNREFUSED' ? 'connection refused' : error.message
}

/** The message of an answer that is not 200: its description where it has one. */
export function complaint({ status, body }: Answer): string {
  return `${status}: ${describe(body)}`
}

/** What an error of the daemon says; null where the answer is none of a daemon. */
export function descriptionOf({ body }: Answer): string | null {
  try {
    const { description } = JSON.parse(body)
    return typeof description === 'string' ? description : null
  } catch {
    return null
  }
}

function describe(body: string): string {
  try {
    const { title, description } = JSON.parse(body)
    return [title, description].filter((part) => typeof part === 'string').join(': ') || body
  } catch {
    return body.replace(/(<[^>]*>|\s)+/g, ' ').trim()
  }
}
