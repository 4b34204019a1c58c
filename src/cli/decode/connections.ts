import type { End } from '../../bgp/describe/conversation.ts'
import type { PacketEndpoint, TcpSegment } from './packet.ts'
import { ByteStream, type Moment } from './reassembly.ts'

/** One TCP connection: its ends, and the data that each of them sent. */
export interface CapturedConnection {
  readonly ends: readonly [PacketEndpoint, PacketEndpoint]
  readonly sent: readonly [ByteStream, ByteStream]
}

/** Sorts captured segments into connections; the same ends again after another SYN are another connection. */
export class Connections {
  readonly all: CapturedConnection[] = []
  private readonly current = new Map<string, CapturedConnection>()

  add(segment: TcpSegment, moment: Moment): void {
    const { source, destination, sequence, syn, payload } = segment
    const forth = endpointKey(source) + endpointKey(destination)
    const back = endpointKey(destination) + endpointKey(source)
    const end: End = this.current.has(back) ? 1 : 0
    const key = end === 0 ? forth : back
    let connection = this.current.get(key)
    if (connection === undefined || (syn && !connection.sent[end].fits(sequence))) {
      connection = {
        ends: end === 0 ? [source, destination] : [destination, source],
        sent: [new ByteStream(), new ByteStream()],
      }
      this.current.set(key, connection)
      this.all.push(connection)
    }
    if (syn) connection.sent[end].open(sequence)
    if (payload.length > 0) connection.sent[end].add(syn ? sequence + 1 : sequence, payload, moment)
  }
}

function endpointKey({ ip, port }: PacketEndpoint): string {
  return `${ip}${String.fromCharCode(port)}`
}
