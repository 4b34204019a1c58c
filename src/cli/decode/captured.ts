import type { SessionContext } from '../../bgp/context.ts'
import { Conversation, type End } from '../../bgp/describe/conversation.ts'
import { type Piece, split } from '../../bgp/describe/split.ts'
import { formatIp, isIpv4 } from '../../values/address.ts'
import type { Capture } from './capture.ts'
import { type CapturedConnection, Connections } from './connections.ts'
import { type Decoded, type Location, note } from './decoded.ts'
import { isKnownLinkType, type PacketEndpoint, tcpSegment } from './packet.ts'
import { decodePiece } from './piece.ts'
import type { Moment, Run } from './reassembly.ts'
import { formatTime } from './time.ts'

/** A piece of one direction of a connection, or the gap before it. */
interface Arrival {
  readonly connection: CapturedConnection
  readonly conversation: Conversation
  readonly end: End
  readonly moment: Moment
  readonly run: Run
  /** Null stands for the gap. */
  readonly piece: Piece | null
}

/** Decodes the BGP messages of a capture in the order in which their last octets arrived. */
export function* decodeCapture(
  { packets, problem }: Capture,
  port: number,
  overrides: Partial<SessionContext>,
): Iterable<Decoded> {
  const connections = new Connections()
  for (const [index, { time, linkType, bytes }] of packets.entries()) {
    const segment = tcpSegment(linkType, bytes)
    if (segment === undefined || (segment.source.port !== port && segment.destination.port !== port)) continue
    connections.add(segment, { frame: index + 1, time })
  }
  const arrivals = connections.all.flatMap((connection) =>
    arrivalsOf(connection, new Conversation(overrides)),
  )
  for (const arrival of arrivals.toSorted((a, b) => a.moment.frame - b.moment.frame)) {
    yield { ...locationOf(arrival), ...contentOf(arrival) }
  }
  const unknown = new Set(packets.map(({ linkType }) => linkType).filter((type) => !isKnownLinkType(type)))
  for (const linkType of unknown) yield note(`packets of link type ${linkType} are not read`)
  if (connections.all.length === 0) yield note(`no TCP segment of port ${port} in ${packets.length} packets`)
  else if (arrivals.length === 0) yield note(`no BGP message: no TCP segment of port ${port} holds data`)
  if (problem !== null) yield note(problem)
}

function arrivalsOf(connection: CapturedConnection, conversation: Conversation): Arrival[] {
  const arrivals: Arrival[] = []
  for (const end of [0, 1] as const) {
    for (const run of connection.sent[end].runs()) {
      const common = { connection, conversation, end, run }
      let index = 0
      const momentAt = (offset: number): Moment => {
        while (run.arrivals[index]!.end < offset) index++
        return run.arrivals[index]!.moment
      }
      if (run.missing > 0) arrivals.push({ ...common, moment: momentAt(0), piece: null })
      for (const piece of split(run.bytes))
        arrivals.push({ ...common, moment: momentAt(piece.offset + piece.bytes.length), piece })
    }
  }
  return arrivals
}

function contentOf({ conversation, end, run, piece }: Arrival) {
  if (piece === null) return note(`${run.missing} bytes are missing from the capture`)
  return decodePiece(piece, run.bytes.length, (bytes) => conversation.describe(end, bytes))
}

function locationOf({ connection, end, moment }: Arrival): Location {
  const [source, destination] = end === 0 ? connection.ends : connection.ends.toReversed()
  return {
    frame: moment.frame,
    time: formatTime(moment.time),
    source: formatEndpoint(source!),
    destination: formatEndpoint(destination!),
  }
}

function formatEndpoint({ ip, port }: PacketEndpoint): string {
  return isIpv4(ip) ? `${formatIp(ip)}:${port}` : `[${formatIp(ip)}]:${port}`
}
