import { formatIp, type Ip, isIpv4 } from '../values/address.ts'
import type { Closable } from '../values/closable.ts'
import type { PeerConfig } from './session/peer-config.ts'
import type {
  Connection,
  ConnectionHandlers,
  Listener,
  Protection,
  TcpEndpoint,
} from './session/transport.ts'
import type { SpeakerEnvironment } from './speaker.ts'
import type { DynamicPeers, SpeakerConfig } from './speaker-config.ts'

/** Until it tries again where it cannot listen: an address may come later than the daemon, and who has the port may leave. */
const RETRY_MS = 10_000

/** Where a speaker accepts sessions that peers open. */
export class Listeners implements Closable {
  private readonly config: SpeakerConfig
  private readonly environment: SpeakerEnvironment
  private readonly accept: (connection: Connection) => ConnectionHandlers | null
  /** By listening address. */
  private readonly listeners = new Map<Ip, Listener>()
  private peers: readonly PeerConfig[]
  private dynamicPeers: readonly DynamicPeers[]
  private isOpen = false
  private closed = false
  private opening: Promise<string | null> | null = null
  private cancelRetry = (): void => {}
  /** Addresses where it cannot listen, and why. */
  failures: readonly { readonly at: TcpEndpoint; readonly reason: string }[] = []

  constructor(
    config: SpeakerConfig,
    environment: SpeakerEnvironment,
    accept: (connection: Connection) => ConnectionHandlers | null,
  ) {
    this.config = config
    this.peers = config.peers
    this.dynamicPeers = config.dynamicPeers
    this.environment = environment
    this.accept = accept
  }

  /** Listens at the local addresses of sessions, since peers connect to these; resolves to why it cannot, or null. Tries again until it can. */
  open(): Promise<string | null> {
    this.isOpen = true
    this.cancelRetry()
    const opening = this.opening === null ? this.openAll() : this.opening.then(() => this.openAll())
    this.opening = opening
    void opening.then(() => {
      if (this.opening !== opening) return
      this.opening = null
      if (this.failures.length === 0 || this.closed) return
      this.cancelRetry = this.environment.clock.after(RETRY_MS, () => void this.open())
    })
    return opening
  }

  private async openAll(): Promise<string | null> {
    const { listenPort } = this.config
    if (listenPort === null) return null
    const reasons: string[] = []
    for (const address of this.addresses()) {
      if (this.listeners.has(address)) continue
      const reason = await this.openAt({ address, port: listenPort })
      if (reason !== null) reasons.push(reason)
    }
    return reasons.length === 0 ? null : reasons.join('; ')
  }

  /** Listens for these peers from now on, and stops where only former peers needed it; resolves as `open` does. */
  async setPeers(
    peers: readonly PeerConfig[],
    dynamicPeers: readonly DynamicPeers[],
  ): Promise<string | null> {
    this.peers = peers
    this.dynamicPeers = dynamicPeers
    if (!this.isOpen || this.closed) return null
    const wanted = this.addresses()
    this.failures = this.failures.filter(({ at }) => wanted.has(at.address))
    for (const [address, listener] of this.listeners) {
      if (wanted.has(address)) this.protect(address, listener)
      else {
        this.listeners.delete(address)
        listener.close()
      }
    }
    return this.open()
  }

  close(): void {
    this.closed = true
    this.cancelRetry()
    for (const listener of this.listeners.values()) listener.close()
  }

  private addresses(): ReadonlySet<Ip> {
    const { localAddress, listenAddress } = this.config
    if (listenAddress !== null) return new Set([listenAddress])
    const sessions = [...this.peers, ...this.dynamicPeers.map(({ template }) => template)]
    return new Set([localAddress, ...sessions.map((one) => one.localAddress ?? localAddress)])
  }

  /** Protects the peers' connections to a listener. */
  private protect(address: Ip, listener: Listener): void {
    this.failures = this.failures.filter(({ at }) => at.address !== address)
    try {
      listener.protect(this.protections(address))
    } catch (error) {
      this.failed({ address, port: this.config.listenPort! }, error)
    }
  }

  private failed(at: TcpEndpoint, error: unknown): string {
    const reason = (error as Error).message
    const isKnown = this.failures.some((one) => one.at.address === at.address && one.reason === reason)
    this.failures = [...this.failures.filter((one) => one.at.address !== at.address), { at, reason }]
    const address = formatIp(at.address)
    if (!isKnown) this.environment.events.emit({ type: 'listen-failed', address, port: at.port, reason })
    return reason
  }

  private async openAt(at: TcpEndpoint): Promise<string | null> {
    const { transport, events } = this.environment
    try {
      const listener = await transport.listen(at, this.accept)
      this.listeners.set(at.address, listener)
      const others = this.failures.filter((one) => one.at.address !== at.address)
      if (others.length < this.failures.length)
        events.emit({ type: 'listening', address: formatIp(at.address), port: at.port })
      this.failures = others
      if (this.closed) listener.close()
      else listener.protect(this.protections(at.address))
      return null
    } catch (error) {
      return this.failed(at, error)
    }
  }

  /** The protection of peers that may connect to `address`: an IPv6 listener may accept IPv4 too. */
  private protections(address: Ip): Protection[] {
    const all = [
      ...this.peers.map((peer) => ({ ...peer, prefixLength: peer.address.length * 8 })),
      ...this.dynamicPeers.map(({ prefix: { ip, length }, template }) => {
        return { ...template, address: ip, prefixLength: length }
      }),
    ]
    return all.filter((one) => !isIpv4(address) || isIpv4(one.address))
  }
}
