import { expect, test } from 'vitest'
import { OPTIONS, testApi } from '../support/api.ts'

const REPORT = { peers: [], options: [], warnings: [] }

test.each([
  ['/reload', false],
  ['/reload?dry_run=false', false],
  ['/reload?dry_run=true', true],
])('POST %s', async (url, dry_run) => {
  const answer = await testApi().app.inject({ method: 'POST', url })
  expect([answer.statusCode, answer.json()]).toEqual([200, { dry_run, ...REPORT }])
})

test('a configuration that cannot be used is a conflict, with all findings', async () => {
  const { app } = testApi('linux', async () => ({ findings: ['line 3: one', 'line 4: two'] }))
  expect((await app.inject({ method: 'POST', url: '/reload' })).json()).toEqual({
    code: 409,
    title: 'Conflict',
    description: 'line 3: one\nline 4: two',
    error_code: 'CONFIG_INVALID',
  })
})

test('GET /config', async () => {
  const answer = await testApi().app.inject('/config')
  expect([answer.statusCode, answer.json()]).toEqual([200, OPTIONS])
})

test.each([
  ['GET', '/config?section=BGP', 400],
  ['POST', '/config', 405],
  ['POST', '/reload?dry_run=1', 400],
  ['POST', '/reload?debug=true', 400],
  ['GET', '/reload', 405],
] as const)('%s %s is refused', async (method, url, status) => {
  expect((await testApi().app.inject({ method, url })).statusCode).toBe(status)
})

test('a program without a configuration file has no such request', async () => {
  expect((await testApi('linux', null).app.inject({ method: 'POST', url: '/reload' })).statusCode).toBe(404)
})
