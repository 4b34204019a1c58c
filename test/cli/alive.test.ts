import { expect, test } from 'vitest'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

test.each([
  ['refuses', { status: 503, body: '{"title":"Service Unavailable"}' }, /^503: Service Unavailable/],
  ['is no daemon', { status: 404, body: '<h1>Not Found</h1>' }, /^404: Not Found/],
  ['is no daemon, but content', { body: '<html>' }, /is no JSON/],
])('status --alive fails where what answers %s', async (_, answer, error) => {
  const { port } = await serve(() => answer)
  expect((await chanter('status', '--alive', '--port', `${port}`)).error).toMatch(error)
})
