import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ERRORS, type ErrorCode, errorAnswer } from '../../src/api/errors.ts'
import { MAX_BODY_OCTETS } from '../../src/rest/body.ts'
import { type TestApi, testApi } from '../support/api.ts'

let api: TestApi

beforeEach(() => {
  api = testApi()
})
afterEach(() => api.app.close())

/** That an answer is an error of ours, of that code, and nothing else. */
function expectError(body: string, status: number, code: ErrorCode): void {
  const answer = errorAnswer.parse(JSON.parse(body))
  expect(answer).toMatchObject({ code: status, error_code: code })
  expect(ERRORS[code].status).toBe(status)
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'TRACE'

describe('every error is one of the table, and never one of Fastify', () => {
  test.each<[ErrorCode, Method, string, string | undefined]>([
    ['RESOURCE_NOT_FOUND', 'GET', '/nothing', undefined],
    ['RESOURCE_NOT_FOUND', 'GET', '/looking-glass/nothing', undefined],
    ['RESOURCE_NOT_FOUND', 'TRACE', '/status', undefined],
    ['METHOD_NOT_ALLOWED', 'PUT', '/attach_localport', '{}'],
    ['METHOD_NOT_ALLOWED', 'DELETE', '/openapi.json', undefined],
    ['BODY_TOO_LARGE', 'POST', '/attach_localport', 'x'.repeat(MAX_BODY_OCTETS + 1)],
    ['BODY_NOT_JSON', 'POST', '/attach_localport', '{"a":'],
    ['BODY_NOT_OBJECT', 'POST', '/attach_localport', undefined],
    ['BODY_TOO_DEEP', 'POST', '/attach_localport', '['.repeat(40) + ']'.repeat(40)],
    ['PARAMETER_MISSING', 'POST', '/attach_localport', '{}'],
    ['PARAMETER_INVALID', 'POST', '/attach_localport', '{"vpn_type":"x"}'],
    ['PARAMETER_UNKNOWN', 'GET', '/status?x=1', undefined],
    ['PARAMETER_INVALID', 'GET', '/status/entries?state=x', undefined],
    ['INSTANCE_NOT_FOUND', 'GET', '/status/entries?instance=x', undefined],
    ['PATH_INVALID', 'GET', '/%zz', undefined],
    ['PATH_INVALID', 'POST', '/bgp/peers/%zz/reset', undefined],
    ['PATH_TOO_LONG', 'POST', `/bgp/peers/${'a'.repeat(3000)}/reset`, undefined],
    ['PEER_NOT_FOUND', 'POST', '/bgp/peers/10.77.0.99/reset', undefined],
    ['PEER_NOT_ESTABLISHED', 'POST', '/bgp/peers/10.77.0.1/refresh', undefined],
    ['NOT_READY', 'GET', '/readyz', undefined],
  ])('%s: %s %.60s', async (code, method, url, payload) => {
    const answer = await api.app.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
    expectError(answer.body, answer.statusCode, code)
    expect(answer.headers['content-type']).toContain('application/json')
  })

  test.each(['text/plain', 'application/xml', 'multipart/form-data', 'no type at all', ''])(
    'a body is read under the content type %j',
    async (type) => {
      const headers = { 'content-type': type }
      const answer = await api.app.inject({
        method: 'POST',
        url: '/attach_localport',
        payload: '{}',
        headers,
      })
      expectError(answer.body, answer.statusCode, 'PARAMETER_MISSING')
    },
  )

  test('an internal error shows no details', async () => {
    vi.spyOn(api.vpns, 'attach').mockRejectedValue(new TypeError("x is not a function: '/etc/key'"))
    const payload = {
      vpn_type: 'evpn',
      vpn_instance_id: 'net1',
      mac_address: '02:00:00:00:00:01',
      local_port: 'gp1',
      import_rt: [],
      export_rt: [],
    }
    const answer = await api.app.inject({ method: 'POST', url: '/attach_localport', payload })
    expectError(answer.body, answer.statusCode, 'INTERNAL')
    expect(answer.body).not.toContain('/etc/key')
  })

  test.each<[ErrorCode, string]>([
    ['HEADERS_TOO_LARGE', `GET /status HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['REQUEST_UNREADABLE', 'nothing that is HTTP\r\n\r\n'],
    ['REQUEST_UNREADABLE', 'FETCH / HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['REQUEST_UNREADABLE', 'GET /status HTTP/1.1\r\n\r\n'],
    ['RESOURCE_NOT_FOUND', 'GET /nothing HTTP/1.1\r\nhost: localhost\r\nexpect: anything\r\n\r\n'],
  ])('%s, on the wire: %.30s', async (code, octets) => {
    await api.app.listen({ host: '127.0.0.1', port: 0 })
    const socket = connect((api.app.server.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    socket.end(octets)
    const answer = await text(socket)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    expectError(body, Number(head.split(' ')[1]), code)
  })
})

test('every code of the table is in use', () => {
  const source = globSync('src/**/*.ts')
    .filter((file) => file !== 'src/api/errors.ts' && file !== 'src/dataplane/model.ts')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  expect(Object.keys(ERRORS).filter((code) => !source.includes(`'${code}'`))).toEqual([])
})
