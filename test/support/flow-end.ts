import { createSocket } from 'node:dgram'
import { monotonicMs } from './flow-account.ts'

/**
 * One end of a flow of numbered UDP packets, as a program: `echo` answers, `send ADDRESS RATE` sends so many a second until SIGTERM and
 * waits for the last answers: a packet that is sent then until it is answered comes behind them. Each prints as JSON how often each packet arrived; `send` also when it sent them.
 */
const PORT = 7007
const LAST_NUMBER = 0xffff_ffff
const LAST_EVERY_MS = 100
/** The other end may have no route by then. */
const LAST_PATIENCE_MS = 20_000
/** So many are sent at once when the machine was busy elsewhere, and the rest not at all: they would not fit into the socket at the other end. */
const BURST = 64
const RECEIVE_BUFFER_OCTETS = 1 << 20
const PACKET_OCTETS = 64

const [mode, address = '', rate = ''] = process.argv.slice(2)
const packetsASecond = Number(rate)
const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_OCTETS })
const sentAt: number[] = []
const arrivals: number[] = []

// a neighbour that does not answer is a packet lost, not the end
socket.on('error', () => {})
socket.on('message', (message) => {
  const number = message.readUInt32BE(0)
  if (number === LAST_NUMBER) {
    if (mode === 'send') end()
    return
  }
  while (arrivals.length <= number) arrivals.push(0)
  arrivals[number]!++
})

function send(number: number): void {
  const packet = Buffer.alloc(PACKET_OCTETS)
  packet.writeUInt32BE(number)
  socket.send(packet, PORT, address)
}

function end(): never {
  process.stdout.write(`${JSON.stringify({ sentAt, arrivals })}\n`)
  process.exit(0)
}

if (mode === 'echo') {
  socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  socket.bind(PORT)
  process.once('SIGTERM', end)
} else {
  const started = monotonicMs()
  socket.once('message', () => process.stdout.write('answered\n'))
  let leftOut = 0
  const timer = setInterval(() => {
    const due = ((monotonicMs() - started) / 1000) * packetsASecond - leftOut
    const most = Math.min(due, sentAt.length + BURST)
    leftOut += Math.max(0, due - most)
    while (sentAt.length < most) {
      const number = sentAt.length
      sentAt.push(Math.round(monotonicMs() * 10) / 10)
      send(number)
    }
  }, 1)
  process.once('SIGTERM', () => {
    clearInterval(timer)
    setInterval(() => send(LAST_NUMBER), LAST_EVERY_MS)
    setTimeout(end, LAST_PATIENCE_MS)
  })
}
