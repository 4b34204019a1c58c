import type {
  Accept,
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  TcpEndpoint,
  Transport,
} from '../../src/bgp/session/transport.ts'
import type { Ip } from '../../src/values/address.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** One direction-less wire between two addresses. */
interface Link {
  latencyMs: number
  /** A cut wire holds sent octets until it is repaired, as TCP's retransmissions do. */
  cut: boolean
}

/** TCP between nodes of one process, on virtual time. */
export class VirtualNetwork {
  private readonly clock: VirtualClock
  private readonly listeners = new Map<string, { readonly owner: symbol; readonly accept: Accept }>()
  private readonly links = new Map<string, Link>()
  private readonly open = new Set<Endpipe>()
  readonly defaultLatencyMs: number

  constructor(clock: VirtualClock, defaultLatencyMs = 1) {
    this.clock = clock
    this.defaultLatencyMs = defaultLatencyMs
  }

  /** The network as one process sees it; `kill` ends all it has from one moment to the next. */
  process(): Transport & { kill(): void } {
    const owner = Symbol('process')
    return {
      connect: (options, handlers) => this.connect(owner, options, handlers),
      listen: async (at, accept) => this.listen(owner, at, accept),
      kill: () => this.kill(owner),
    }
  }

  /** The network for those who are never killed. */
  readonly transport: Transport = this.process()

  link(a: Ip, b: Ip): Link {
    const key = [a, b].sort().join()
    let link = this.links.get(key)
    if (link === undefined) {
      link = { latencyMs: this.defaultLatencyMs, cut: false }
      this.links.set(key, link)
    }
    return link
  }

  cut(a: Ip, b: Ip): void {
    this.link(a, b).cut = true
  }

  mend(a: Ip, b: Ip): void {
    this.link(a, b).cut = false
    for (const pipe of this.open) pipe.pump()
  }

  /** Resets every connection between two addresses. */
  reset(a: Ip, b: Ip): void {
    for (const pipe of [...this.open]) {
      if ([pipe.localAddress, pipe.remoteAddress].sort().join() === [a, b].sort().join())
        pipe.break(new Error('ECONNRESET'))
    }
  }

  isCut(a: Ip, b: Ip): boolean {
    return this.link(a, b).cut
  }

  private kill(owner: symbol): void {
    for (const [key, listener] of this.listeners) if (listener.owner === owner) this.listeners.delete(key)
    for (const pipe of [...this.open]) if (pipe.owner === owner) pipe.abandon()
  }

  private listen(owner: symbol, { address, port }: TcpEndpoint, accept: Accept): Listener {
    const key = `${address} ${port}`
    if (this.listeners.has(key)) throw new Error('EADDRINUSE')
    const listener = { owner, accept }
    this.listeners.set(key, listener)
    return {
      protect() {},
      close: () => {
        if (this.listeners.get(key) === listener) this.listeners.delete(key)
      },
    }
  }

  private connect(
    owner: symbol,
    { address, port, localAddress }: ConnectOptions,
    handlers: ConnectionHandlers,
  ): Connection {
    const near = new Endpipe(owner, this, this.clock, localAddress, address, handlers)
    this.open.add(near)
    const attempt = (): void => {
      if (near.isClosed) return
      const link = this.link(localAddress, address)
      if (link.cut) {
        this.clock.after(1000, attempt)
        return
      }
      const listener = this.listeners.get(`${address} ${port}`)
      const far = new Endpipe(listener?.owner ?? owner, this, this.clock, address, localAddress, null)
      const farHandlers = listener?.accept(far) ?? null
      if (farHandlers === null) {
        near.break(new Error('ECONNREFUSED'))
        return
      }
      far.handlers = farHandlers
      far.peer = near
      near.peer = far
      this.open.add(far)
      near.connected()
      far.pump()
    }
    this.clock.after(2 * this.link(localAddress, address).latencyMs, attempt)
    return near
  }

  forget(pipe: Endpipe): void {
    this.open.delete(pipe)
  }
}

type Item = Buffer | 'end'

/** One end of a connection. */
class Endpipe implements Connection {
  handlers: ConnectionHandlers | null
  peer: Endpipe | null = null
  readonly localAddress: Ip
  readonly remoteAddress: Ip
  readonly owner: symbol
  isClosed = false
  private readonly network: VirtualNetwork
  private readonly clock: VirtualClock
  private readonly outbox: Item[] = []
  private inFlight = false

  constructor(
    owner: symbol,
    network: VirtualNetwork,
    clock: VirtualClock,
    local: Ip,
    remote: Ip,
    handlers: ConnectionHandlers | null,
  ) {
    this.owner = owner
    this.network = network
    this.clock = clock
    this.localAddress = local
    this.remoteAddress = remote
    this.handlers = handlers
  }

  get unsent(): number {
    let octets = 0
    for (const item of this.outbox) if (item !== 'end') octets += item.length
    return octets
  }

  write(bytes: Buffer): void {
    if (this.isClosed) return
    this.outbox.push(bytes)
    this.pump()
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.handlers = null
    this.outbox.push('end')
    this.pump()
  }

  connected(): void {
    const { handlers } = this
    this.clock.soon(() => handlers === this.handlers && handlers?.connected())
    this.pump()
  }

  /** Moves the outbox over the wire, in order. */
  pump(): void {
    const { peer } = this
    if (this.inFlight || peer === null || this.outbox.length === 0) return
    if (this.network.isCut(this.localAddress, this.remoteAddress)) return
    this.inFlight = true
    this.clock.after(this.network.link(this.localAddress, this.remoteAddress).latencyMs, () => {
      this.inFlight = false
      if (this.network.isCut(this.localAddress, this.remoteAddress)) return
      const items = this.outbox.splice(0)
      for (const item of items) {
        if (item === 'end') {
          peer.break(null)
          this.network.forget(this)
        } else peer.handlers?.data(item)
      }
      this.handlers?.drained()
      this.pump()
    })
  }

  /** The connection is gone for both ends. */
  break(error: Error | null): void {
    const { peer } = this
    this.peer = null
    this.end(error)
    if (peer !== null && !peer.isClosed) {
      peer.peer = null
      peer.end(error)
    }
  }

  /** This end is gone without a word; the other learns when it sends, or from the reset that answers. */
  abandon(): void {
    const { peer } = this
    this.isClosed = true
    this.handlers = null
    this.network.forget(this)
    if (peer === null) return
    this.peer = null
    peer.peer = null
    this.clock.after(this.network.link(this.localAddress, this.remoteAddress).latencyMs, () =>
      peer.end(new Error('ECONNRESET')),
    )
  }

  private end(error: Error | null): void {
    this.network.forget(this)
    if (this.isClosed) return
    this.isClosed = true
    const { handlers } = this
    this.handlers = null
    this.clock.soon(() => handlers?.closed(error))
  }
}
