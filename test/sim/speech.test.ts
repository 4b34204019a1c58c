import { expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import { decodeOpen, encodeOpen } from '../../src/bgp/message/open.ts'
import type { ConnectionHandlers } from '../../src/bgp/session/transport.ts'
import { ip } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { speaking } from './speech.ts'
import type { Speech } from './topology.ts'

const [A, B] = [ip('10.0.0.1'), ip('10.0.0.2')]
const RESTART = { restarting: false, notification: true, restartTimeSeconds: 120, families: [] }
const OPEN = encodeOpen({
  version: 4,
  as: 64512,
  holdTimeSeconds: 30,
  identifier: 1,
  capabilities: {
    ...noCapabilities(),
    families: [EVPN],
    gracefulRestart: RESTART,
  },
})
const END_OF_RIB = Buffer.from(`${'ff'.repeat(16)}001d0200000006800f03001946`, 'hex')

/** What two machines receive of each other, the first of which speaks so; both send an OPEN, an End-of-RIB and a KEEPALIVE. */
async function exchanged(speech: Speech): Promise<{ byFirst: Buffer[]; bySecond: Buffer[] }> {
  const clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const received = { byFirst: [] as Buffer[], bySecond: [] as Buffer[] }
  const into = (messages: Buffer[]): ConnectionHandlers => ({
    connected() {},
    data: (chunk) => void messages.push(chunk),
    drained() {},
    closed() {},
  })
  const all = [OPEN, END_OF_RIB, KEEPALIVE]
  await network.transport.listen({ address: B, port: 179 }, (connection) => {
    for (const message of all) connection.write(message)
    return into(received.bySecond)
  })
  const options = { address: B, port: 179, localAddress: A, md5Key: null, ttlSecurityHops: null }
  const first = speaking(speech, network.transport).connect(options, into(received.byFirst))
  first.write(Buffer.concat(all))
  await clock.run(1000)
  return received
}

/** What the OPEN at the beginning advertises of restarts, and whether there is an End-of-RIB. */
function read(chunks: readonly Buffer[]) {
  const bytes = Buffer.concat(chunks)
  const open = bytes.subarray(0, bytes.readUInt16BE(16))
  const { gracefulRestart, longLivedGracefulRestart } = decodeOpen(open).capabilities
  const staleTimes = longLivedGracefulRestart.map(({ staleTimeSeconds }) => staleTimeSeconds)
  const hasEndOfRib = bytes.includes(END_OF_RIB)
  return { restartTime: gracefulRestart?.restartTimeSeconds, staleTimes, hasEndOfRib }
}

const PLAIN = { gracefulRestart: true, endOfRib: true, longLivedSeconds: 0 }
const SENT = { restartTime: 120, staleTimes: [], hasEndOfRib: true }
const WITHOUT_RESTART = { restartTime: undefined, staleTimes: [], hasEndOfRib: true }

test.each([
  [PLAIN, SENT, SENT],
  [{ ...PLAIN, longLivedSeconds: 300 }, { ...SENT, staleTimes: [300] }, SENT],
  [{ ...PLAIN, gracefulRestart: false }, WITHOUT_RESTART, WITHOUT_RESTART],
  [
    { ...PLAIN, gracefulRestart: false, endOfRib: false },
    { ...WITHOUT_RESTART, hasEndOfRib: false },
    WITHOUT_RESTART,
  ],
])('%j', async (speech, sent, received) => {
  const { byFirst, bySecond } = await exchanged(speech)
  expect(read(bySecond)).toEqual(sent)
  expect(read(byFirst)).toEqual(received)
})
