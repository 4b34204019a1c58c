import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { DaemonEvent } from '../../src/events/event.ts'
import { listenAt } from '../../src/rest/server.ts'
import { TestNode } from '../support/node.ts'
import { peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const clock = new VirtualClock()
const newApi = () =>
  new TestNode('10.77.0.13', [peerConfig('10.77.0.1')], clock, new VirtualNetwork(clock)).api()
const app = newApi()

afterEach(() => app.close())

test('the address and the port at which the API listens are an event', async () => {
  const events: DaemonEvent[] = []
  await listenAt(app, { host: '127.0.0.1', port: 0 }, { emit: (event) => void events.push(event) })
  const { port } = app.server.address() as AddressInfo
  expect(port).toBeGreaterThan(0)
  expect(events).toEqual([{ type: 'api-listening', address: '127.0.0.1', port }])
})

test('where it cannot listen, the reason names the API, and says what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const reason = (host: string) =>
    listenAt(newApi(), { host, port }, { emit: () => {} }).catch((error: Error) => error.message)
  expect(await reason('127.0.0.1')).toBe(
    `the API cannot listen on 127.0.0.1 port ${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}: another program listens there, bagpipe-bgp perhaps: stop it, or choose another port`,
  )
  expect(await reason('192.0.2.200')).toMatch(
    /^the API cannot listen on 192\.0\.2\.200 port .* EADDRNOTAVAIL: .*: this machine does not have that address/,
  )
  other.close()
})
