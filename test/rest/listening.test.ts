import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { DaemonEvent } from '../../src/events/event.ts'
import { listenAt } from '../../src/rest/server.ts'
import { TestNode } from '../support/node.ts'
import { peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const clock = new VirtualClock()
const app = new TestNode('10.77.0.13', [peerConfig('10.77.0.1')], clock, new VirtualNetwork(clock)).api()

afterEach(() => app.close())

test('the address and the port at which the API listens are an event', async () => {
  const events: DaemonEvent[] = []
  await listenAt(app, { host: '127.0.0.1', port: 0 }, { emit: (event) => void events.push(event) })
  const { port } = app.server.address() as AddressInfo
  expect(port).toBeGreaterThan(0)
  expect(events).toEqual([{ type: 'api-listening', address: '127.0.0.1', port }])
})
