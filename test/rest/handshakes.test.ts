import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { addHandshakes } from '../../src/rest/handshakes.ts'
import { Authority, pem } from '../support/certificates.ts'
import { temporaryFiles } from '../support/files.ts'

/** The address of a client on another machine. */
const ELSEWHERE = '192.0.2.9'

/** A server with TLS, to which all clients seem to connect from another machine. */
async function serve(handshakeMs: number): Promise<Server> {
  const { cert, key } = new Authority(temporaryFiles({}), 'ca').issue('node', ELSEWHERE)
  const server = createServer((_request, response) => response.end('hello'))
  addHandshakes(server, () => ({ certificate: pem(cert), key: pem(key), clientCa: null }), handshakeMs)
  server.prependListener('connection', (socket: Socket) =>
    Object.defineProperty(socket, 'remoteAddress', { value: ELSEWHERE }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** A client that begins no handshake. */
async function silent(server: Server): Promise<Socket> {
  const accepted = once(server, 'connection')
  const socket = connect(portOf(server), '127.0.0.1').on('error', () => {})
  await accepted
  return socket
}

test('a client that begins no handshake is disconnected, and one that does is answered', async () => {
  const server = await serve(500)
  const closed = once(await silent(server), 'close')
  const client = connectTls({ port: portOf(server), host: '127.0.0.1', rejectUnauthorized: false })
  client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  expect(await text(client)).toMatch(/hello$/)
  await closed
})

test('a client that begins no handshake holds up no end of the server', async () => {
  const server = await serve(600_000)
  const client = await silent(server)
  const [closed, disconnected] = [once(server, 'close'), once(client, 'close')]
  server.close()
  server.closeAllConnections()
  await Promise.all([closed, disconnected])
})
