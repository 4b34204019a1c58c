import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { Server } from '../../src/client.ts'

interface Reply {
  readonly status?: number
  readonly body: string
}

/** An HTTP server on this machine until the test is over. */
export async function serve(answer: (request: IncomingMessage, body: string) => Reply): Promise<Server> {
  const server = createServer(async (request, response) => {
    const { status = 200, body } = answer(request, await text(request))
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}
