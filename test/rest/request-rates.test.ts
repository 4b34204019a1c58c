import type { Socket } from 'node:net'
import { beforeEach, expect, test } from 'vitest'
import { LOCAL_ACCESS } from '../../src/rest/access.ts'
import { RequestRates } from '../../src/rest/request-rates.ts'
import { noReload, testApi } from '../support/api.ts'

const HERE = '10.77.0.13'

let ms: number
let rates: RequestRates

beforeEach(() => {
  ms = 0
  rates = new RequestRates(() => ms)
})

const early = (remoteAddress: string | undefined, rate = 5) =>
  rates.early({ remoteAddress, localAddress: HERE } as Socket, rate)

/** How many requests that come at once are answered. */
function answered(remoteAddress: string): number {
  let count = 0
  while (count < 1000 && early(remoteAddress) === 0) count++
  return count
}

test('a quiet client may send ten seconds of requests at once, then its rate', () => {
  expect(answered('192.0.2.9')).toBe(50)
  expect(early('192.0.2.9')).toBe(200)
  ms += 1000
  expect(answered('192.0.2.9')).toBe(5)
  ms += 3_600_000
  expect(answered('192.0.2.9')).toBe(50)
})

test('requests that are too early cost a client nothing', () => {
  answered('192.0.2.9')
  for (let i = 0; i < 100; i++) early('192.0.2.9')
  ms += 200
  expect(early('192.0.2.9')).toBe(0)
})

test('a client costs no other anything; one is an IPv4 address or a /64', () => {
  answered('192.0.2.9')
  expect(answered('::ffff:192.0.2.10')).toBe(50)
  expect(answered('::ffff:192.0.2.9')).toBe(0)
  expect(answered('2001:db8::1')).toBe(50)
  expect(answered('2001:db8::ffff')).toBe(0)
  expect(answered('2001:db8:0:1::1')).toBe(50)
})

test('the link-local addresses of a link are one client', () => {
  expect(answered('fe80::1%eth0')).toBe(50)
  expect(answered('fe80::2%eth0')).toBe(0)
  expect(answered('fe80::1%eth1')).toBe(50)
})

test.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', HERE, undefined])(
  'agents of this machine, which connect from %s, have no limit',
  (address) => {
    for (let i = 0; i < 20_000; i++) expect(early(address)).toBe(0)
  },
)

test('a rate of 0 is no limit', () => {
  for (let i = 0; i < 10_000; i++) expect(early('192.0.2.9', 0)).toBe(0)
})

test('memory is bounded by forgetting the clients that were quiet longest', () => {
  answered('192.0.2.9')
  for (let i = 0; i < 1023; i++) early(`198.51.${i >> 8}.${i & 255}`)
  expect(answered('192.0.2.9')).toBe(0)
  for (let i = 0; i < 1024; i++) early(`203.0.${i >> 8}.${i & 255}`)
  expect(answered('192.0.2.9')).toBe(50)
})

test('the API answers 429 and says when to come again; others are answered', async () => {
  const access = { ...LOCAL_ACCESS, unprotected: true, requestRate: 1 }
  const { app } = testApi('dummy', noReload, access)
  const ask = (remoteAddress: string) => app.inject({ url: '/ping', headers: { host: HERE }, remoteAddress })
  for (let i = 0; i < 10; i++) expect((await ask('192.0.2.9')).statusCode).toBe(200)
  const refused = await ask('192.0.2.9')
  expect(refused.statusCode).toBe(429)
  expect(refused.headers).toMatchObject({ 'retry-after': '1', connection: 'close' })
  expect(refused.json()).toMatchObject({
    error_code: 'TOO_MANY_REQUESTS',
    description: '192.0.2.9 sends more requests than [API] request_rate allows: send less, or raise it',
  })
  expect((await ask('192.0.2.10')).statusCode).toBe(200)
  expect((await ask('127.0.0.1')).statusCode).toBe(200)
  await app.close()
})
