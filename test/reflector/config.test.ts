import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { CliError } from '../../src/cli/command.ts'
import { listenAddress } from '../../src/cli/reflector.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { speakerConfig } from '../../src/reflector/config.ts'
import { formatIp, parseInterfaceAddress } from '../../src/values/address.ts'
import { ip } from '../support/speakers.ts'

/** Where another reflector, at `peer`, sees a session come from that a reflector opens whose router id is no address of the machine. */
async function sourceSeenAt(peer: string, listen: string): Promise<string | undefined> {
  const server = createServer().listen(0, peer)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const config = speakerConfig(
    {
      as: 64512,
      identifier: ip('192.0.2.1'),
      clusterId: ip('192.0.2.1'),
      listenAddress: ip(listen),
      listenPort: 179,
      clients: [],
      clientLimit: 10,
      peers: [ip(peer)],
      holdTimeSeconds: 90,
      api: null,
    },
    { md5: null, token: null },
  )
  const { address, localAddress } = config.peers[0]!
  const { port } = server.address() as AddressInfo
  const options = { address, port, localAddress: localAddress!, md5Key: null, ttlSecurityHops: null }
  const source = new Promise<string | undefined>((resolve, reject) => {
    server.once('connection', (socket: Socket) => resolve(socket.remoteAddress))
    const closed = (reason: Error | null) => reject(reason)
    const connection = tcpTransport.connect(options, { connected() {}, data() {}, drained() {}, closed })
    onTestFinished(() => connection.close())
  })
  return source
}

test.each([
  ['::1', '::'],
  ['::1', '::1'],
  ['::1', '127.0.0.1'],
])('it opens a session with %s, over IPv6, while it listens at %s', async (peer, listen) => {
  expect(await sourceSeenAt(peer, listen)).toBe('::1')
})

test('it opens sessions from the address at which it listens', async () => {
  expect(await sourceSeenAt('127.0.0.1', '127.0.0.2')).toBe('127.0.0.2')
})

let hasIpv6 = true

const listensAt = (given: string | undefined, ...clients: readonly string[]): string => {
  const prefixes = clients.map((client) => parseInterfaceAddress(client)!)
  const all = prefixes.map(({ ip, prefixLength: length }) => ({ ip, length }))
  return formatIp(listenAddress(given, all, hasIpv6))
}

test('it listens where all clients can connect', () => {
  expect(listensAt(undefined, '192.0.2.0/24')).toBe('0.0.0.0')
  expect(listensAt(undefined, '192.0.2.0/24', '2001:db8::/64')).toBe('::')
  expect(listensAt('::', '192.0.2.0/24', '2001:db8::/64')).toBe('::')
  expect(listensAt('2001:db8::1', '2001:db8::/64')).toBe('2001:db8::1')
  expect(listensAt('192.0.2.1', '0.0.0.0/0', '::/0')).toBe('192.0.2.1')
})

test('on a machine without IPv6 it listens for IPv4 alone', () => {
  hasIpv6 = false
  onTestFinished(() => {
    hasIpv6 = true
  })
  expect(listensAt(undefined, '0.0.0.0/0', '::/0')).toBe('0.0.0.0')
})

test.each([
  ['0.0.0.0', '2001:db8::/64'],
  ['2001:db8::1', '192.0.2.0/24'],
])('an address %s to which no client can connect, as from %s, is refused', (given, client) => {
  expect(() => listensAt(given, client)).toThrow(
    new CliError(`no --client can connect to ${given}: --listen :: takes IPv4 and IPv6`),
  )
})
