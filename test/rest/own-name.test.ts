import { hostname } from 'node:os'
import { expect, test, vi } from 'vitest'
import { testApi } from '../support/api.ts'

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  hostname: vi.fn(() => 'localhost.localdomain'),
}))

test('a machine that gets its name after the start is asked by that name, and no longer by the old one', async () => {
  const { app } = testApi()
  const statusFor = async (host: string) =>
    (await app.inject({ url: '/ping', headers: { host: `${host}:8082` } })).statusCode
  expect(await statusFor('localhost.localdomain')).toBe(200)
  expect(await statusFor('node1.example')).toBe(403)
  vi.mocked(hostname).mockReturnValue('node1.example')
  expect(await Promise.all(['node1.example', 'Node1', 'localhost.localdomain'].map(statusFor))).toEqual([
    200, 200, 403,
  ])
  await app.close()
})
