import { connect, type Socket } from 'node:net'
import { request } from '../../../src/client.ts'
import type { Fault } from '../fault.ts'
import type { ChaosNode } from '../node.ts'

const HALF_OPEN = 200
const SLOW = 20
/** Each makes the daemon log a line of more than that. */
const LONG = 8000
/** More than a pipe and the daemon have room for. */
const COMPLAINTS = 300

/** Makes the daemon log that many long lines. */
export async function complain({ api }: ChaosNode, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await request(api, `/explain?address=${'x'.repeat(LONG)}`)
}

/** Opens connections to the API and sends each of them the same. */
export function connections({ api }: ChaosNode, count: number, text: string): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(api.port, api.host)
    socket.on('error', () => {})
    socket.pause()
    socket.write(text)
    return socket
  })
}

export const slowReaders: Fault = {
  name: 'slow-readers',
  weight: 2,
  async start(_world, node, random) {
    const isHalfOpen = random.chance(0.5)
    const sockets = isHalfOpen
      ? connections(node, HALF_OPEN, 'POST /attach_localport HTTP/1.1\r\nHost: localhost\r\nContent-Le')
      : connections(node, SLOW, 'GET /status/entries HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(200))
    return {
      what: isHalfOpen ? `${HALF_OPEN} half-open requests` : `${SLOW} readers that read nothing`,
      lastsMs: random.between(500, 3000),
      end: async () => sockets.forEach((socket) => void socket.destroy()),
    }
  },
}

export const stalledLog: Fault = {
  name: 'stalled-log',
  weight: 1,
  isShared: true,
  async start({ nodes }, drawn, random) {
    const node = nodes.find(({ options }) => options.logToReader)!
    process.kill(node.logReader!.pid!, 'SIGSTOP')
    await complain(node, COMPLAINTS)
    return {
      ...(drawn === node ? { reports: /^the log cannot be written to standard output/ } : {}),
      what: `the log of ${node.name} is not read`,
      lastsMs: random.between(0, 2000),
      end: async () => void process.kill(node.logReader!.pid!, 'SIGCONT'),
    }
  },
}
