import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_BODY_OCTETS } from '../../src/rest/body.ts'
import { type TestApi, testApi } from '../support/api.ts'
import { ATTACH_BODY } from '../support/attach-body.ts'

let api: TestApi

beforeEach(() => {
  api = testApi()
})
afterEach(() => api.app.close())

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const

const GOOD = {
  ...ATTACH_BODY,
  linuxbr: 'br0',
  local_pref: 100,
  direction: 'both',
  lb_consistent_hash_order: 0,
  advertise_subnet: false,
  readvertise: { from_rt: ['64512:1'], to_rt: ['64512:2'] },
  sticky: false,
  description: 'a VM',
  instance_description: 'a network',
}

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

/** What stands in the place of a value, in JSON. */
const value = fc.oneof(
  fc.constantFrom(
    ...['null', 'true', '-1', '0', '1e308', '1e999', '-0', '0.5', '4294967296', '9007199254740993'],
    ...['""', '[]', '{}', '[[]]', '"\\u0000"', '"\\ud800"', '"all"', '"net.json"', '"__proto__"', '"../.."'],
    ...['{"__proto__":{"linuxif":"gp2"}}', '{"constructor":1}', '{"linuxif":{"linuxif":"gp1"}}'],
    ...['"::"', '"0.0.0.0/0"', '"ff02::1"', '"fe80::1%lo"', '"999.1.1.1"', '"4294967295:65535"'],
    ...[nested(33), nested(6000), `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ),
  fc.string({ unit: 'binary', maxLength: 300 }).map((given) => JSON.stringify(given)),
  fc.json({ maxDepth: 6 }),
)

const attachment = fc
  .tuple(
    fc.subarray(Object.keys(GOOD)),
    fc.array(fc.tuple(fc.constantFrom(...Object.keys(GOOD)), value), { maxLength: 3 }),
  )
  .map(([kept, changed]) => {
    const fields = new Map(kept.map((name) => [name, JSON.stringify(GOOD[name as keyof typeof GOOD])]))
    for (const [name, given] of changed) fields.set(name, given)
    return `{${[...fields].map(([name, given]) => `"${name}":${given}`).join()}}`
  })

const body = fc.oneof(
  { weight: 3, arbitrary: attachment },
  value,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constant('x'.repeat(70_000)),
)

const word = fc.oneof(
  fc.constantFrom(
    'net1',
    'net.json',
    '%zz',
    '%2F',
    '%00',
    '..',
    '__proto__',
    'a'.repeat(3000),
    '10.77.0.1',
    'EVPN',
  ),
  fc.string({ maxLength: 20 }).map(encodeURIComponent),
)

const path = fc
  .tuple(
    fc.constantFrom(
      ...[
        '/',
        '/ping',
        '/attach_localport',
        '/detach_localport',
        '/explain',
        '/status',
        '/healthz',
        '/readyz',
      ],
      ...[
        '/status/entries',
        '/status/settings',
        '/status/verify',
        '/looking-glass',
        '/bgp/peers/10.77.0.1/reset',
      ],
      ...['/bgp/peers', '/looking-glass/bgp/peers/10.77.0.1', '/looking-glass/vpns/instances'],
    ),
    fc.array(word, { maxLength: 2 }),
    fc.array(fc.tuple(fc.constantFrom('address', 'instance', 'state', 'kind', '__proto__', 'x'), word), {
      maxLength: 3,
    }),
  )
  .map(([base, below, query]) => {
    const search = query.map(([name, given]) => `${name}=${given}`).join('&')
    return [base, ...below].join('/') + (search === '' ? '' : `?${search}`)
  })

const contentType = fc.constantFrom(
  'application/json',
  'json',
  ';;',
  'a b/c',
  'application/json, text/plain',
  'text/plain',
  '',
)

test('no request causes an internal error, and every refusal has a reason', async () => {
  const asked = fc.record({
    method: fc.constantFrom(...METHODS),
    url: path,
    payload: body,
    type: contentType,
  })
  await fc.assert(
    fc.asyncProperty(asked, async ({ method, url, payload, type }) => {
      const response = await api.app.inject({ method, url, payload, headers: { 'content-type': type } })
      const isNotReady = url.startsWith('/readyz') && response.statusCode === 503
      if (!isNotReady) expect(response.statusCode, response.body).toBeLessThan(500)
      if (response.statusCode < 400 || method === 'HEAD') return
      expect(response.json()).toEqual({
        code: response.statusCode,
        title: expect.stringMatching(/^\w/),
        description: expect.stringMatching(/\w/),
        error_code: expect.stringMatching(/^[A-Z0-9_]+$/),
      })
    }),
    { numRuns: 3000 },
  )
})

describe('a body', () => {
  const attach = (payload: string) => api.app.inject({ method: 'POST', url: '/attach_localport', payload })

  test.each([33, 6000, 10_000])('of %i levels is refused with the reason', async (depth) => {
    const response = await attach(JSON.stringify(GOOD).replace('"a VM"', nested(depth - 1)))
    expect(response.statusCode).toBe(400)
    expect(response.json().description).toBe('the body has more than 32 levels of objects and lists')
  })

  test('of 32 levels is taken', async () => {
    const evpn = { ...GOOD, linuxbr: null, readvertise: null }
    expect((await attach(JSON.stringify(evpn).replace('"a VM"', nested(31)))).body).toBe('null')
  })

  test.each(['json', ';;', 'application/json, text/plain', 'a b/c', 'text/html'])(
    'counts whatever its type is: %s',
    async (type) => {
      const response = await api.app.inject({
        method: 'POST',
        url: '/attach_localport',
        payload: JSON.stringify({ ...GOOD, linuxbr: null }),
        headers: { 'content-type': type },
      })
      expect(response.body).toBe('null')
    },
  )
})

describe('texts that act on a terminal or a page', () => {
  const INJECTED = '\x1b[2J\x07\x9b31m\u202egnp.exe\u2028\n! all well\r<script>alert(1)</script>"\'`;$(id)'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const ACTS = /[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/
  const attach = (changes: object) =>
    api.app.inject({
      method: 'POST',
      url: '/attach_localport',
      payload: JSON.stringify({ ...GOOD, linuxbr: null, ...changes }),
    })

  test.each(Object.keys(GOOD))('in %s: refused, or shown without their effect', async (name) => {
    for (const given of [INJECTED, [INJECTED], { linuxif: INJECTED, [INJECTED]: INJECTED }]) {
      const answer = await attach({ [name]: given })
      expect(answer.statusCode).toBeLessThan(500)
      expect(answer.body).not.toMatch(ACTS)
      expect(answer.headers).toMatchObject({
        'content-type': expect.stringContaining('application/json'),
        'x-content-type-options': 'nosniff',
      })
    }
    const shown = await api.app.inject('/looking-glass/vpns/instances/net1')
    expect(shown.body).not.toMatch(ACTS)
  })

  test('a description comes back as it was', async () => {
    expect((await attach({ description: INJECTED })).statusCode).toBe(200)
    const { body } = await api.app.inject('/looking-glass/vpns/instances/net1/ports')
    expect(body).toContain(JSON.stringify(INJECTED).slice(1, 8))
    expect(JSON.stringify(JSON.parse(body))).toContain(JSON.stringify(INJECTED).slice(1, -1))
  })

  test('in a path, a query and a header', async () => {
    const asked = [
      { url: `/looking-glass/${encodeURIComponent(INJECTED)}` },
      { url: `/explain?address=${encodeURIComponent(INJECTED)}` },
      { url: `/status/entries?${encodeURIComponent(INJECTED)}=1` },
      { url: '/ping', headers: { host: '\x9b31m<script>' } },
    ]
    for (const one of asked) {
      const answer = await api.app.inject(one)
      expect(answer.statusCode).toBeGreaterThanOrEqual(400)
      expect(answer.statusCode).toBeLessThan(500)
      expect(answer.body).not.toMatch(ACTS)
    }
  })
})

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['a NUL in the path', 'GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\nhost: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  [
    'two lengths',
    'POST /ping HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}',
    400,
  ],
  ['an unknown method', 'BREW / HTTP/1.1\r\nhost: localhost\r\n\r\n', 400],
])('%s', async (_, octets, status) => {
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((api.app.server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(octets)
  const [head = '', answer = ''] = (await text(socket)).split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(answer)).toMatchObject({ code: status, description: expect.stringMatching(/\w/) })
})

describe('an instance whose id ends in .json', () => {
  test('is at its own link, and one without is at both spellings', async () => {
    const attach = (id: string, port: string, vni: number) =>
      api.app.inject({
        method: 'POST',
        url: '/attach_localport',
        payload: JSON.stringify({
          ...GOOD,
          linuxbr: null,
          vpn_instance_id: id,
          local_port: { linuxif: port },
          vni,
        }),
      })
    await attach('net.json', 'gp1', 100)
    await attach('plain', 'gp2', 101)
    const base = '/looking-glass/vpns/instances'
    const [{ href }] = (await api.app.inject(base)).json()
    expect((await api.app.inject(new URL(href).pathname)).json()).toMatchObject({
      external_instance_id: 'net.json',
    })
    for (const url of [`${base}/plain`, `${base}/plain.json`, `/${base}//plain/`])
      expect((await api.app.inject(url)).json()).toMatchObject({ external_instance_id: 'plain' })
    expect((await api.app.inject(`${base}/net.json.json`)).json()).toMatchObject({
      external_instance_id: 'net.json',
    })
  })
})

test.each([
  [8, 8],
  [5000, 8],
])('of %i requests sent at once at most %i are answered', async (sent, answered) => {
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((api.app.server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  let parsed = 0
  api.app.server.on('request', () => parsed++)
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
    if (sent === answered && received.split('HTTP/1.1 200').length > sent) socket.end()
  })
  socket.write('GET /ping HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(sent))
  await new Promise((resolve) => socket.once('close', resolve))
  const answers = received.split('HTTP/1.1 200').length - 1
  expect(answers).toBeLessThanOrEqual(answered)
  if (sent === answered) expect(answers).toBe(sent)
  expect(parsed).toBeLessThan(200)
})

test('a body of many reads is read whole', async () => {
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.app.server.address() as AddressInfo
  const body = `${' '.repeat(MAX_BODY_OCTETS - 100)}{"vpn_type": "last"}`
  const answers = await Promise.all(
    ['attach', 'detach', 'attach'].map(async (verb) => {
      const answer = await fetch(`http://127.0.0.1:${port}/${verb}_localport`, { method: 'POST', body })
      return [answer.status, await answer.text()]
    }),
  )
  for (const [status, text] of answers) {
    expect(status).toBe(400)
    expect(text).toContain('last')
  }
})
