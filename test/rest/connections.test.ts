import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { apiServer, ConnectionLimit } from '../../src/rest/connections.ts'
import { type TestApi, testApi } from '../support/api.ts'
import { ATTACH_BODY } from '../support/attach-body.ts'
import { until } from '../support/until.ts'

let api: TestApi
let port: number

beforeEach(async () => {
  api = testApi()
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  port = (api.app.server.address() as AddressInfo).port
})
afterEach(() => api.app.close())

/** Sends octets and ends its side of the connection at once; all that is answered. */
function exchange(octets: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(octets)
  return text(socket)
}

function post(path: string, body: object): string {
  const payload = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${payload.length}\r\n\r\n${payload}`
}

/** Has attaches be done after the client has ended its side. */
function attachSlowly(): void {
  const attach = api.vpns.attach.bind(api.vpns)
  const ended = once(api.app.server, 'connection').then(([socket]) => once(socket, 'end'))
  vi.spyOn(api.vpns, 'attach').mockImplementation(async (request) => {
    await ended
    await attach(request)
  })
}

describe('a client that ends its side of the connection after its request is answered', () => {
  test('when it attaches', async () => {
    attachSlowly()
    expect(await exchange(post('/attach_localport', ATTACH_BODY))).toMatch(/^HTTP\/1.1 200 .*\r\n\r\nnull$/s)
  })

  test('when it sent several requests', async () => {
    attachSlowly()
    const sent = [post('/attach_localport', ATTACH_BODY), post('/attach_localport', ATTACH_BODY)]
    const answers = await exchange(sent.join(''))
    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
  })

  test('when the answer is written piece by piece', async () => {
    const answer = await exchange('GET /looking-glass/vpns HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 200 .*\}$/s)
  })

  test('with the reason where the request is not complete', async () => {
    expect(await exchange('POST /attach_localport HTTP/1.1\r\nhost: localhost\r\n')).toMatch(
      /^HTTP\/1.1 400 /,
    )
  })

  test('with the end of the connection where it sent no request', async () => {
    expect(await exchange('')).toBe('')
  })
})

describe('a target in absolute form, as through a proxy', () => {
  const get = (target: string, header: string) => exchange(`GET ${target} HTTP/1.1\r\n${header}\r\n\r\n`)
  const HOST = 'host: localhost'

  test.each([
    'http://localhost:8082/ping',
    'HTTP://127.0.0.1/ping',
    'https://[::1]:8082/ping.json?x=http://y/',
  ])('is answered: %s', async (target) => {
    expect(await get(target, HOST)).toMatch(/^HTTP\/1.1 200 /)
  })

  test.each(['http://localhost', 'http://localhost?x=1'])('is / without a path: %s', async (target) => {
    expect(await get(target, HOST)).toMatch(/^HTTP\/1.1 200 .*\r\n\r\n\{\}$/s)
  })

  test('has the host that counts, not the Host header', async () => {
    expect(await get('http://evil.example/ping', HOST)).toMatch(/^HTTP\/1.1 403 .*evil.example/s)
    expect(await get('http://localhost:1234/looking-glass', 'host: evil.example')).toContain(
      'http://localhost:1234/looking-glass/',
    )
  })

  test('needs a Host header as well', async () => {
    expect(await get('http://localhost/ping', 'accept: */*')).toMatch(/^HTTP\/1.1 400 /)
  })
})

test('at the limit, a connection with a request is not closed for a new one, also where it had another', async () => {
  const held: ServerResponse[] = []
  const server = apiServer(({ url }, response) => {
    if (url === '/held') held.push(response)
    else response.end('first')
  }, new ConnectionLimit(1))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  port = (server.address() as AddressInfo).port
  const get = (url: string) => `GET ${url} HTTP/1.1\r\nhost: localhost\r\n\r\n`
  const answers = exchange(get('/') + get('/held'))
  await until('the second request waits', () => held.length === 1)
  const [socket] = (await Promise.all([once(server, 'connection'), connect(port, '127.0.0.1')]))[0]
  held[0]!.end('second')
  expect(await answers).toMatch(/first.*second$/s)
  socket.destroy()
})
