import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { ip } from '../support/speakers.ts'

const OCTETS = 8 << 20

test('of a peer that sends as much as it can, little is read in one round of the event loop', async () => {
  const sent = Buffer.alloc(OCTETS, 'octets that are no message')
  const server = createServer((socket) => void socket.end(sent)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const chunks: Buffer[] = []
  let [inRound, most, isOver] = [0, 0, false]
  await new Promise<void>((resolve) => {
    const [address, { port }] = [ip('127.0.0.1'), server.address() as AddressInfo]
    const options = { address, port, localAddress: address, md5Key: null, ttlSecurityHops: null }
    const connection = tcpTransport.connect(options, {
      connected() {},
      data(chunk) {
        chunks.push(chunk)
        most = Math.max(most, ++inRound)
      },
      drained() {},
      closed: () => resolve(),
    })
    onTestFinished(() => connection.close())
    const begin = () => {
      inRound = 0
      if (!isOver) setImmediate(begin)
    }
    setImmediate(begin)
    onTestFinished(() => {
      isOver = true
    })
  })
  expect(Buffer.concat(chunks).equals(sent)).toBe(true)
  expect(most).toBeLessThanOrEqual(2)
})
