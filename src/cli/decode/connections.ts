import type { End } from '../../bgp/describe/conversation.ts'
import type { Endpoint, Segment } from './packet.ts'
import { Direction, type Moment } from './reassembly.ts'

/** One TCP connection: its ends, and what each of them sent. */
export interface Connection {
  readonly ends: readonly [Endpoint, Endpoint]
  readonly sent: readonly [Direction, Direction]
}

/** Sorts captured segments into connections; the same ends again after another SYN are another connection. */
export class Connections {
  readonly all: Connection[] = []
  private readonly current = new Map<string, Connection>()

  add(segment: Segment, moment: Moment): void {
    const { source, destination, sequence, syn, payload } = segment
    const forth = keyOf(source) + keyOf(destination)
    const back = keyOf(destination) + keyOf(source)
    const end: End = this.current.has(back) ? 1 : 0
    const key = end === 0 ? forth : back
    let connection = this.current.get(key)
    if (connection === undefined || (syn && !connection.sent[end].fits(sequence))) {
      connection = {
        ends: end === 0 ? [source, destination] : [destination, source],
        sent: [new Direction(), new Direction()],
      }
      this.current.set(key, connection)
      this.all.push(connection)
    }
    if (syn) connection.sent[end].open(sequence)
    if (payload.length > 0) connection.sent[end].add(syn ? sequence + 1 : sequence, payload, moment)
  }
}

function keyOf({ ip, port }: Endpoint): string {
  return `${ip}${String.fromCharCode(port)}`
}
