import { MessageType } from '../../src/bgp/constants.ts'
import { decodeOpen, encodeOpen } from '../../src/bgp/message/open.ts'
import type { Connection, ConnectionHandlers, Transport } from '../../src/bgp/session/transport.ts'
import type { Speech } from './topology.ts'

const HEADER_LENGTH = 19
const MP_UNREACH_NLRI = 15

/** A transport by which a machine neither sends nor receives what an implementation of that kind leaves out. */
export function speaking(speech: Speech, transport: Transport): Transport {
  const { gracefulRestart, endOfRib, longLivedSeconds } = speech
  if (gracefulRestart && endOfRib && longLivedSeconds === 0) return transport
  const outgoing = (bytes: Buffer): Buffer =>
    rewritten(bytes, (message) => {
      if (message[HEADER_LENGTH - 1] === MessageType.Open) return reopened(message, speech)
      return !endOfRib && isEndOfRib(message) ? null : message
    })
  const incoming = (bytes: Buffer): Buffer =>
    rewritten(bytes, (message) =>
      message[HEADER_LENGTH - 1] === MessageType.Open && !gracefulRestart
        ? reopened(message, { ...speech, longLivedSeconds: 0 })
        : message,
    )
  const handlersOf = (handlers: ConnectionHandlers): ConnectionHandlers => ({
    connected: () => handlers.connected(),
    data: (chunk) => {
      const bytes = incoming(chunk)
      if (bytes.length > 0) handlers.data(bytes)
    },
    drained: () => handlers.drained(),
    closed: (error) => handlers.closed(error),
  })
  const connectionOf = (connection: Connection): Connection => ({
    localAddress: connection.localAddress,
    remoteAddress: connection.remoteAddress,
    get unsent() {
      return connection.unsent
    },
    write: (bytes) => {
      const others = outgoing(bytes)
      if (others.length > 0) connection.write(others)
    },
    close: () => connection.close(),
  })
  return {
    connect: (options, handlers) => connectionOf(transport.connect(options, handlersOf(handlers))),
    listen: (at, accept) =>
      transport.listen(at, (connection) => {
        const handlers = accept(connectionOf(connection))
        return handlers === null ? null : handlersOf(handlers)
      }),
  }
}

/** What is written is whole messages, each of which may become another one or none. */
function rewritten(bytes: Buffer, rewrite: (message: Buffer) => Buffer | null): Buffer {
  const kept: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16BE(at + HEADER_LENGTH - 3)
    const message = rewrite(bytes.subarray(at, at + length))
    if (message !== null) kept.push(message)
    at += length
  }
  return Buffer.concat(kept)
}

function reopened(message: Buffer, { gracefulRestart, longLivedSeconds }: Speech): Buffer {
  const open = decodeOpen(message)
  const { capabilities } = open
  const families = longLivedSeconds > 0 ? capabilities.families : []
  const longLived = families.map((family) => ({
    family,
    forwarding: false,
    staleTimeSeconds: longLivedSeconds,
  }))
  return encodeOpen({
    ...open,
    capabilities: {
      ...capabilities,
      gracefulRestart: gracefulRestart ? capabilities.gracefulRestart : null,
      longLivedGracefulRestart: longLived,
    },
  })
}

/** An UPDATE of nothing but an empty MP_UNREACH_NLRI (RFC 4724 §2). */
function isEndOfRib(message: Buffer): boolean {
  if (message[HEADER_LENGTH - 1] !== MessageType.Update || message.readUInt16BE(HEADER_LENGTH) !== 0)
    return false
  const isExtended = (message[HEADER_LENGTH + 4]! & 0x10) !== 0
  return (
    message[HEADER_LENGTH + 5] === MP_UNREACH_NLRI &&
    message.length === HEADER_LENGTH + (isExtended ? 11 : 10)
  )
}
