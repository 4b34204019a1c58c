import { formatIp, type Ip, isIpv4 } from '../values/address.ts'
import type {
  Connection,
  ConnectionHandlers,
  Listener,
  Protection,
  TcpEndpoint,
} from './session/transport.ts'
import type { SpeakerConfig, SpeakerEnvironment } from './speaker.ts'

/** Where a speaker takes sessions that peers open. */
export class Listeners {
  private readonly config: SpeakerConfig
  private readonly environment: SpeakerEnvironment
  private readonly accept: (connection: Connection) => ConnectionHandlers | null
  private readonly listeners: Listener[] = []
  private closed = false
  /** Where it cannot listen, and why. */
  readonly failures: { readonly at: TcpEndpoint; readonly reason: string }[] = []

  constructor(
    config: SpeakerConfig,
    environment: SpeakerEnvironment,
    accept: (connection: Connection) => ConnectionHandlers | null,
  ) {
    this.config = config
    this.environment = environment
    this.accept = accept
  }

  /** Listens wherever sessions start from, since that is where peers connect to; resolves to why it cannot, or null. */
  async open(): Promise<string | null> {
    const { localAddress, listenAddress, listenPort, peers } = this.config
    if (listenPort === null) return null
    const own = new Set([localAddress, ...peers.map((peer) => peer.localAddress ?? localAddress)])
    const reasons: string[] = []
    for (const address of listenAddress === null ? own : [listenAddress]) {
      const reason = await this.openAt({ address, port: listenPort })
      if (reason !== null) reasons.push(reason)
    }
    return reasons.length === 0 ? null : reasons.join('; ')
  }

  close(): void {
    this.closed = true
    for (const listener of this.listeners) listener.close()
  }

  private async openAt(at: TcpEndpoint): Promise<string | null> {
    const { transport, events } = this.environment
    try {
      const listener = await transport.listen(at, this.accept)
      this.listeners.push(listener)
      if (this.closed) listener.close()
      else for (const protection of this.protections(at.address)) listener.protect(protection)
      return null
    } catch (error) {
      const reason = (error as Error).message
      this.failures.push({ at, reason })
      const address = formatIp(at.address)
      events.emit({ type: 'listen-failed', address, port: at.port, reason })
      return reason
    }
  }

  /** How those are protected who may connect to `address`: an IPv6 listener may take IPv4 too. */
  private protections(address: Ip): Protection[] {
    const { peers, dynamicPeers } = this.config
    const all = [
      ...peers.map((peer) => ({ ...peer, prefixLength: peer.address.length * 8 })),
      ...dynamicPeers.map(({ prefix: { ip, length }, template }) => {
        return { ...template, address: ip, prefixLength: length }
      }),
    ]
    return all.filter((one) => !isIpv4(address) || isIpv4(one.address))
  }
}
