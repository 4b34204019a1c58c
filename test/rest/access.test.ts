import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LOCAL_ACCESS } from '../../src/rest/access.ts'
import { noReload, type TestApi, testApi } from '../support/api.ts'
import { ATTACH_BODY } from '../support/attach-body.ts'

const TOKEN = '0123456789abcdef0123'
const ELSEWHERE = '192.0.2.9'

let api: TestApi

afterEach(() => api.app.close())

/** The status and error code of an attach with these headers. */
async function attach(headers: Readonly<Record<string, string>>) {
  const payload = JSON.stringify(ATTACH_BODY)
  const answer = await api.app.inject({ method: 'POST', url: '/attach_localport', headers, payload })
  return [answer.statusCode, answer.json()?.error_code]
}

const instances = async () => (await api.app.inject('/looking-glass/vpns/instances')).json()

describe('a page in a browser', () => {
  beforeEach(() => {
    api = testApi()
  })

  const HERE = { host: 'localhost:8082' }

  test.each([
    ['a form', { origin: 'http://evil.example', 'content-type': 'application/x-www-form-urlencoded' }],
    [
      'a form with a file',
      { origin: 'http://evil.example', 'content-type': 'multipart/form-data; boundary=x' },
    ],
    ['a script without preflight', { origin: 'http://evil.example', 'content-type': 'text/plain' }],
    ['a beacon without a type', { origin: 'http://evil.example' }],
    ['a sandboxed frame or a file', { origin: 'null', 'content-type': 'text/plain' }],
    ['another port of this machine', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
    ['TLS on the same name', { origin: 'https://localhost:8082' }],
    ['a browser that hides the origin', { 'sec-fetch-site': 'cross-site' }],
  ])('cannot attach by %s', async (_, headers) => {
    expect(await attach({ ...HERE, ...headers })).toEqual([403, 'ORIGIN_REFUSED'])
    expect(await instances()).toEqual([])
  })

  test('gets no permission by a preflight', async () => {
    const headers = { ...HERE, origin: 'http://evil.example', 'access-control-request-method': 'POST' }
    const answer = await api.app.inject({ method: 'OPTIONS', url: '/attach_localport', headers })
    expect(answer.statusCode).toBe(403)
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  test.each([
    'evil.example',
    'evil.example:8082',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.1',
  ])('cannot read or attach when its own name has our address (DNS rebinding): %j', async (host) => {
    expect(await attach({ host, origin: `http://${host}` })).toEqual([403, 'HOST_REFUSED'])
    expect(await instances()).toEqual([])
    const answer = await api.app.inject({ url: '/looking-glass', headers: { host } })
    expect([answer.statusCode, answer.json().error_code]).toEqual([403, 'HOST_REFUSED'])
  })

  test('of the API itself may ask', async () => {
    expect(
      await attach({ ...HERE, origin: 'http://localhost:8082', 'sec-fetch-site': 'same-origin' }),
    ).toEqual([200, undefined])
  })
})

test.each([
  ...[
    'localhost',
    'LOCALHOST:8082',
    'localhost.:8082',
    '127.0.0.1:8082',
    '[::1]:8082',
    '[fe80::1%eth0]:8082',
    '10.77.0.13:8082',
  ],
  ...['[2001:db8::1]', '0.0.0.0:8082', 'node1', 'Node1:8082'],
])('agents may name the node %s', async (host) => {
  api = testApi()
  expect(await attach({ host, 'content-type': 'application/x-www-form-urlencoded' })).toEqual([
    200,
    undefined,
  ])
})

test.each([
  [false, 403, 'CLIENT_REFUSED'],
  [true, 200, undefined],
])(
  'without credentials a client elsewhere is answered if anyone may be: %s',
  async (unprotected, status, code) => {
    api = testApi('linux', noReload, { ...LOCAL_ACCESS, unprotected })
    const answer = await api.app.inject({
      url: '/ping',
      headers: { host: '10.77.0.13:8082' },
      remoteAddress: ELSEWHERE,
    })
    expect([answer.statusCode, code && answer.json().error_code]).toEqual([status, code])
  },
)

describe('with a token', () => {
  beforeEach(() => {
    api = testApi('linux', noReload, { ...LOCAL_ACCESS, token: TOKEN })
  })

  const ask = async (remoteAddress: string, authorization?: string, host = '10.77.0.13:8082') => {
    const headers = { host, ...(authorization === undefined ? {} : { authorization }) }
    return await api.app.inject({ url: '/ping', headers, remoteAddress })
  }

  test.each([
    undefined,
    '',
    TOKEN,
    'Bearer',
    'Bearer ',
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer ${TOKEN} ${TOKEN}`,
    'Bearer null',
  ])('a client elsewhere with %j learns what to present, and not the token', async (authorization) => {
    const answer = await ask(ELSEWHERE, authorization)
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer')
    expect(answer.json()).toMatchObject({
      error_code: 'UNAUTHORIZED',
      description: 'expected the header `Authorization: Bearer TOKEN`',
    })
    expect(answer.body).not.toContain(TOKEN)
  })

  test('a client elsewhere that presents it is answered, by whatever name', async () => {
    expect((await ask(ELSEWHERE, `Bearer ${TOKEN}`)).statusCode).toBe(200)
    expect((await ask(ELSEWHERE, `bearer  ${TOKEN}`, 'node7.example:8082')).statusCode).toBe(200)
  })

  test.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])(
    'agents on %s need none',
    async (address) => {
      expect((await ask(address)).statusCode).toBe(200)
    },
  )

  test.each(['::ffff:192.0.2.9', '128.0.0.1', '::'])('but those on %j do', async (address) => {
    expect((await ask(address)).statusCode).toBe(401)
  })
})
