import type { RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { answerClientError, apiServer, type ConnectionLimit } from './connections.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers the same requests on a Unix socket, once it listens there; closed with the instance. */
    readonly fileServer: Server
  }
}

/** Adds the server for a Unix socket. Returns whether a connection is one of it. */
export function addFileServer(app: FastifyInstance, limit: ConnectionLimit): (socket: Socket) => boolean {
  const sockets = new WeakSet<Socket>()
  const handler: RequestListener = (request, response) => app.routing(request, response)
  const server = apiServer(handler, limit)
  server.on('connection', (socket) => sockets.add(socket))
  server.on('clientError', answerClientError)
  app.decorate('fileServer', server)
  app.addHook('preClose', async () => {
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  return (socket) => sockets.has(socket)
}
