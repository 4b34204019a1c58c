import { createSocket } from 'node:dgram'
import { FlowAccount, monotonicMs } from './flow-account.ts'

/**
 * One end of a flow of numbered UDP packets, as a program: `echo` answers, `send ADDRESS RATE` sends so many a second until SIGTERM and
 * waits for the last answers. Each prints as JSON what became of the packets: for `echo` of those there, for `send` of those there and back.
 */
const PORT = 7007
const LAST_ANSWERS_MS = 1000
/** So many are sent at once when the machine was busy elsewhere, and the rest not at all: they would not fit into the socket at the other end. */
const BURST = 64
const RECEIVE_BUFFER_OCTETS = 1 << 20
const PACKET_OCTETS = 64

const [mode, address = '', rate = ''] = process.argv.slice(2)
const packetsASecond = Number(rate)
const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_OCTETS })
const account = new FlowAccount()

// a neighbour that does not answer is a packet lost, not the end
socket.on('error', () => {})
socket.on('message', (message) => account.arrived(message.readUInt32BE(0), message.readDoubleBE(4)))

function end(): never {
  process.stdout.write(`${JSON.stringify(account.outcome())}\n`)
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
    const most = Math.min(due, account.sent + BURST)
    leftOut += Math.max(0, due - most)
    while (account.sent < most) {
      const packet = Buffer.alloc(PACKET_OCTETS)
      const now = monotonicMs()
      packet.writeUInt32BE(account.sent)
      packet.writeDoubleBE(now, 4)
      account.isSent(now)
      socket.send(packet, PORT, address)
    }
  }, 1)
  process.once('SIGTERM', () => {
    clearInterval(timer)
    setTimeout(end, LAST_ANSWERS_MS)
  })
}
