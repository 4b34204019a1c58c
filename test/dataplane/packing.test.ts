import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { pack, unpack } from '../../src/dataplane/thread/packing.ts'
import { formatIp } from '../../src/values/address.ts'
import * as e from './entries.ts'
import * as ip from './ip-entries.ts'

/** As another thread gets it. */
function sent<T>(message: T): T {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(message)
  const received = receiveMessageOnPort(port2)?.message
  port1.close()
  return received
}

test('entries come out of a message as they went into it, in their order', () => {
  const entries = [
    ...e.network,
    e.remote(2),
    e.neighbour('10.0.0.2', 2),
    e.remote(2 ** 40 - 1, '2001:db8::2', 2 ** 24 - 1),
    e.local(1),
    e.flood('192.0.2.2'),
    e.neighbour('2001:db8::3', 3, true),
    { ...e.remote(2, '192.0.2.3'), device: 'vx1' },
    ip.red,
    ip.route('10.0.0.5/32', ['tap1']),
    { ...e.neighbour('10.0.0.2', 3), device: formatIp(e.ip('192.0.2.2')) },
  ]
  expect([...unpack(sent(pack(entries)))]).toEqual(entries)
  expect([...unpack(sent(pack([])))]).toEqual([])
})
