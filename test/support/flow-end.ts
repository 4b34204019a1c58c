import { createSocket } from 'node:dgram'

/**
 * One end of a flow of numbered UDP packets, as a program: `echo` answers, `send ADDRESS RATE` sends so many a second until SIGTERM,
 * waits for the last answers and prints what became of them as JSON.
 */
const PORT = 7007
const LAST_ANSWERS_MS = 1000
/** So many are sent at once when the machine was busy elsewhere, and the rest not at all: they would not fit into the socket at the other end. */
const BURST = 64
const RECEIVE_BUFFER_OCTETS = 1 << 20

const [mode, address = '', rate = ''] = process.argv.slice(2)
const packetsASecond = Number(rate)
const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_OCTETS })

if (mode === 'echo') {
  socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  socket.bind(PORT)
} else {
  const started = performance.now()
  const sentAt: number[] = []
  const answered: boolean[] = []
  socket.once('message', () => process.stdout.write('answered\n'))
  socket.on('message', (message) => {
    answered[message.readUInt32BE(0)] = true
  })
  // a neighbour that does not answer is a packet lost, not the end
  socket.on('error', () => {})
  let leftOut = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - started) / 1000) * packetsASecond - leftOut
    const most = Math.min(due, sentAt.length + BURST)
    leftOut += Math.max(0, due - most)
    while (sentAt.length < most) {
      const packet = Buffer.alloc(64)
      packet.writeUInt32BE(sentAt.length)
      sentAt.push(performance.now() - started)
      socket.send(packet, PORT, address)
    }
  }, 1)
  process.once('SIGTERM', () => {
    clearInterval(timer)
    setTimeout(() => {
      const lost = sentAt.flatMap((at, i) => (answered[i] === true ? [] : [Math.round(at)]))
      const seconds = (sentAt.at(-1) ?? 0) / 1000
      process.stdout.write(`${JSON.stringify({ sent: sentAt.length, seconds, lostAtMs: lost })}\n`)
      process.exit(0)
    }, LAST_ANSWERS_MS)
  })
}
