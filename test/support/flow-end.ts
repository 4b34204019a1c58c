import { createSocket } from 'node:dgram'
import * as libc from '../../src/linux/libc.ts'
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
/** So many are sent at once when the machine was busy elsewhere, and the rest not at all: they would not fit into the queues of devices. */
const BURST = 64
/** On a busy machine an end stands still for seconds, and what it has not read yet is not lost: this holds half a minute of a thousand packets a second. */
const RECEIVE_BUFFER_OCTETS = 1 << 24
const PACKET_OCTETS = 64
const [AF_INET, SOCK_DGRAM] = [2, 2]
const [SOL_SOCKET, SO_RCVBUFFORCE] = [1, 33]

const [mode, address = '', rate = ''] = process.argv.slice(2)
const packetsASecond = Number(rate)
const socket = createSocket('udp4')
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

/** Binds the socket to a port, 0 for any. Node's own socket has no larger buffer than `net.core.rmem_max`, which holds some hundred packets. */
function bind(port: number): void {
  const fd = libc.checked(libc.socket(AF_INET, SOCK_DGRAM, 0), 'socket')
  const size = libc.int32(RECEIVE_BUFFER_OCTETS)
  libc.checked(libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length), 'SO_RCVBUFFORCE')
  const sockaddr = Buffer.alloc(16)
  sockaddr.writeUInt16LE(AF_INET)
  sockaddr.writeUInt16BE(port, 2)
  libc.checked(libc.bind(fd, sockaddr, sockaddr.length), 'bind')
  socket.bind({ fd })
}

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
  bind(PORT)
  process.once('SIGTERM', end)
} else {
  bind(0)
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
