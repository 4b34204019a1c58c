import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BgpPeer } from '../../src/bgp/bgp-peer.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { systemClock } from '../../src/clock.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { parseMd5Drops, tcpTransport } from '../../src/linux/tcp.ts'
import { whyDown } from '../../src/rest/looking-glass/peers.ts'
import { noEvents } from '../support/events.ts'
import { ip, peerConfig } from '../support/speakers.ts'

const A = '10.77.0.1'
const B = '10.77.0.2'
let lab: Lab
let speakers: Speaker[] = []

beforeEach(async () => {
  lab = new Lab()
  lab.enter(lab.addNamespace('md5'))
  for (const address of [A, B]) await run('ip', 'addr', 'add', `${address}/24`, 'dev', 'lo')
})

afterEach(() => {
  for (const one of speakers) one.stop('done')
  speakers = []
  lab.close()
})

async function speaker(address: string, peer: string, md5Key: string | null): Promise<BgpPeer> {
  const made = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: 64512,
      identifier: ip(address),
      localAddress: ip(address),
      peers: [peerConfig(peer, { md5Key, connectRetrySeconds: 1 })],
    },
    { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
    () => {},
  )
  speakers.push(made)
  await made.start()
  return [...made.peers.values()][0]!
}

const shows = (peer: BgpPeer, text: string) =>
  lab.eventually(`a peer is shown with: ${text}`, async () => {
    const why = whyDown(peer) ?? 'up'
    return why.includes(text) ? { value: why } : { seen: why }
  })

test('a peer with another MD5 key is shown so', async () => {
  const a = await speaker(A, B, 'one')
  const b = await speaker(B, A, 'two')
  await shows(a, 'with a wrong MD5 signature: compare the keys')
  await shows(b, 'with a wrong MD5 signature: compare the keys')
})

test('a key on one side alone is shown on both', async () => {
  const a = await speaker(A, B, 'one')
  const b = await speaker(B, A, null)
  await shows(a, 'without an MD5 signature: configure the key at the peer too')
  await shows(b, 'signed with MD5, where no key is configured')
})

test('a peer that does not answer a signed connection may have another key', async () => {
  const a = await speaker(A, '10.77.0.9', 'one')
  await shows(a, 'with an MD5 key a peer that has another one, or none, does not answer')
})

test('of a session that comes up nothing is shown', async () => {
  const a = await speaker(A, B, 'one')
  const b = await speaker(B, A, 'one')
  await shows(a, 'up')
  await shows(b, 'up')
})

test('a kernel without the counters adds no reason', () => {
  expect(parseMd5Drops('TcpExt: A B\nTcpExt: 1 2\n')).toBeNull()
  expect(parseMd5Drops('')).toBeNull()
})
