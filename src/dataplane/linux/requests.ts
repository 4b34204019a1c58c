import {
  allRefused,
  answerLost,
  kernelRefusal,
  type Refusal,
  RefusalError,
  type Refused,
  reworded,
} from '../refusal.ts'
import {
  AF_UNSPEC,
  NLM_F_ACK_TLVS,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSGERR_ATTR_MSG,
} from './constants.ts'
import type { Batch } from './encode.ts'
import { messages, NetlinkAttributes, type NetlinkMessage, NetlinkWriter } from './message.ts'
import { NetlinkSocket, receiveBuffer } from './socket.ts'

/** Requests to change or get something, packed into batches; the kernel has processed the whole batch when `send` returns. */
export class Requests implements Batch {
  readonly writer = new NetlinkWriter()
  /** The port by which notifications of these changes are recognised. */
  readonly port: number
  private readonly socket: NetlinkSocket
  private sequence = 0
  private isClosed = false
  /** Called with each batch that `send` has sent, and with the positions of refused requests in it. */
  sent: (batch: NetlinkWriter, refused: Refused) => void = () => {}

  constructor(protocol?: number) {
    this.socket = new NetlinkSocket(protocol === undefined ? {} : { protocol })
    this.port = this.socket.port
  }

  /** It can be read when there is an answer. */
  get descriptor(): number {
    return this.socket.fd
  }

  begin(type: number, flags: number): void {
    this.writer.begin(type, flags, ++this.sequence)
  }

  end(): void {
    this.writer.end()
  }

  /** Sends the batch; `reply` gets the answers that are neither success nor failure, with their positions, and may add requests. */
  send(reply: (message: NetlinkMessage, position: number) => void = () => {}): Refused {
    const { writer } = this
    if (writer.count === 0) return new Map()
    const first = this.sequence - writer.count + 1
    writer.acknowledge()
    const sent = this.socket.send(writer)
    const answers: { readonly message: NetlinkMessage; readonly position: number }[] = []
    const keep = (message: NetlinkMessage, position: number) =>
      answers.push({ message: copyOf(message), position })
    const refusals =
      sent < 0 ? allRefused(writer.count, kernelRefusal(-sent)) : this.collect(first, writer.count, keep)
    this.sent(writer, refusals)
    writer.clear()
    for (const { message, position } of answers) reply(message, position)
    return refusals
  }

  /** As `send`, for a batch with which the kernel takes long: this thread goes on, and begins no other batch until the answer. */
  sendLater(): Promise<Refused> {
    const { writer } = this
    const first = this.sequence - writer.count + 1
    writer.acknowledge()
    return new Promise((resolve) => {
      this.socket.sendLater(writer, (isSent) => {
        if (this.isClosed) return
        const refusals = isSent
          ? this.collect(first, writer.count, () => {})
          : allRefused(writer.count, answerLost)
        writer.clear()
        resolve(refusals)
      })
    })
  }

  /** No answer comes after this. */
  close(): void {
    this.isClosed = true
    this.socket.close()
  }

  private collect(
    first: number,
    count: number,
    reply: (message: NetlinkMessage, position: number) => void,
  ): Refused {
    const refusals = new Map<number, Refusal>()
    for (;;) {
      const received = this.socket.receive()
      if (typeof received === 'string') {
        return new Map([...allRefused(count, answerLost), ...refusals])
      }
      for (const message of messages(this.socket.bytes, received)) {
        const position = message.sequence - first
        if (position < 0 || position >= count) continue
        if (message.type !== NLMSG_ERROR) {
          reply(message, position)
          continue
        }
        const refusal = refusalIn(message)
        if (refusal !== null) refusals.set(position, refusal)
        if (position === count - 1) return refusals
      }
    }
  }
}

export interface Dump {
  /** Default `NETLINK_ROUTE`. */
  readonly protocol?: number
  readonly type: number
  /** Writes the request's payload. */
  readonly write: (writer: NetlinkWriter) => void
  /** Gets each message; one may come again, when the kernel's tables changed meanwhile and the dump is repeated. */
  readonly visit: (message: NetlinkMessage) => void
  /** Errors that mean that there is nothing to dump. */
  readonly nothing?: readonly number[]
}

/**
 * How often a dump is repeated when the kernel's tables change meanwhile, as they do all the time on a machine that starts containers.
 * After that the union of all of them is used: it has every entry that was there throughout.
 */
const DUMPS = 4

/** A dump on a socket of its own, one step a datagram. */
export function* dump({ protocol, type, write, visit, nothing = [] }: Dump): Generator<undefined, void> {
  const { writer, bytes } = spare.pop() ?? { writer: new NetlinkWriter(), bytes: receiveBuffer() }
  const socket = new NetlinkSocket({ bytes, ...(protocol === undefined ? {} : { protocol }) })
  try {
    for (let sequence = 1, again = true; again && sequence <= DUMPS; sequence++) {
      again = false
      writer.clear()
      writer.begin(type, NLM_F_DUMP, sequence)
      write(writer)
      writer.end()
      const family = protocol === undefined ? writer.bytes.readUInt8(NLMSG_HDRLEN) : AF_UNSPEC
      const sent = socket.send(writer)
      if (sent < 0) throw new RefusalError(reworded(kernelRefusal(-sent), dumping))
      for (let done = false; !done; ) {
        const received = socket.receive()
        if (typeof received === 'string') throw new RefusalError(reworded(answerLost, dumping))
        for (const message of messages(socket.bytes, received)) {
          if ((message.flags & NLM_F_DUMP_INTR) !== 0) again = true
          if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
            const refusal = message.end > message.start ? refusalIn(message) : null
            if (refusal !== null && !nothing.includes(refusal.errno ?? 0)) throw new RefusalError(refusal)
            done = true
          } else if (isOf(family, message)) visit(message)
        }
        yield
      }
    }
  } finally {
    socket.close()
    spare.push({ writer, bytes })
  }
}

/** Whether a message is of the family that was asked for: where the kernel does not know it, IPv6 for instance, it dumps all others. */
function isOf(family: number, { bytes, start }: NetlinkMessage): boolean {
  return family === AF_UNSPEC || bytes.readUInt8(start) === family
}

/** Buffers of finished dumps, for reuse: they are large, and most dumps are small. */
const spare: { readonly writer: NetlinkWriter; readonly bytes: Buffer }[] = []
const dumping = (text: string) => `dump: ${text}`

/** Runs a generator to its end at once. */
export function exhaust(steps: Generator<unknown, void>): void {
  while (!steps.next().done);
}

/** The next `receive` overwrites the previous data. */
function copyOf({ bytes, start, end, ...header }: NetlinkMessage): NetlinkMessage {
  return { ...header, bytes: Buffer.from(bytes.subarray(start, end)), start: 0, end: end - start }
}

/** Why something was refused, if anything was. */
export function firstOf(refusals: Refused): Refusal | null {
  for (const refusal of refusals.values()) return refusal
  return null
}

function refusalIn({ bytes, type, flags, start, end }: NetlinkMessage): Refusal | null {
  const errno = -bytes.readInt32LE(start)
  if (errno === 0) return null
  if ((flags & NLM_F_ACK_TLVS) === 0) return kernelRefusal(errno)
  const attributes = new NetlinkAttributes(bytes, start + 4 + (type === NLMSG_ERROR ? NLMSG_HDRLEN : 0), end)
  while (attributes.next()) {
    if (attributes.type === NLMSGERR_ATTR_MSG) return kernelRefusal(errno, attributes.text())
  }
  return kernelRefusal(errno)
}
