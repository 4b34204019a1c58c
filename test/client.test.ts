import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { request } from '../src/client.ts'
import { until } from './support/until.ts'

test('a daemon that closes connections which wait for a next request loses none', async () => {
  const answered = new Set<Socket>()
  const server = createServer(({ socket }, response) => {
    if (answered.has(socket)) return void socket.destroy()
    answered.add(socket)
    response.end('1')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await until('it listens', () => server.listening)
  const { address: host, port } = server.address() as AddressInfo
  for (let i = 0; i < 3; i++)
    expect(await request({ host, port }, '/ping')).toEqual({ status: 200, body: '1' })
})
