import { formatIp, type Ip } from '../values/address.ts'
import { BgpPeer, type BgpPeerHost } from './bgp-peer.ts'
import { CeaseSubcode } from './constants.ts'
import { effectOf, type PeerConfig } from './session/peer-config.ts'

/** The configured peers of a speaker, and the effect of changes to them. */
export class ConfiguredPeers {
  peers: readonly PeerConfig[] = []
  private readonly all: Map<Ip, BgpPeer>
  private readonly host: BgpPeerHost
  private isRunning = false

  /** `all` are the speaker's peers, of which some may be dynamic. */
  constructor(peers: readonly PeerConfig[], all: Map<Ip, BgpPeer>, host: BgpPeerHost) {
    this.all = all
    this.host = host
    this.peers = peers
    for (const peer of peers) all.set(peer.address, new BgpPeer(peer, host))
  }

  /** Sessions may come up, also those of peers added later. */
  start(): void {
    this.isRunning = true
    for (const one of this.all.values()) this.begin(one)
  }

  stop(): void {
    this.isRunning = false
  }

  /** Adds, changes and removes peers, each of which may end only its own session. */
  set(peers: readonly PeerConfig[]): void {
    const gone = new Set(this.peers.map(({ address }) => address))
    this.peers = peers
    for (const peer of peers) {
      const known = this.all.get(peer.address)
      if (known === undefined) this.add(peer)
      else this.change(known, peer)
      gone.delete(peer.address)
    }
    for (const address of gone) this.remove(address)
  }

  private add(config: PeerConfig): void {
    const added = new BgpPeer(config, this.host)
    this.all.set(config.address, added)
    this.host.environment.events.emit({ type: 'peer-added', peer: added.sessions.name })
    this.begin(added)
  }

  private change(known: BgpPeer, config: PeerConfig): void {
    const effect = effectOf(known.sessions.config, config)
    if (effect === 'none') return
    const reset = effect === 'reset'
    this.host.environment.events.emit({ type: 'peer-changed', peer: known.sessions.name, reset })
    if (reset) return this.replace(known, config)
    const wasDown = known.sessions.downReason !== null
    known.reconfigure(config)
    if (wasDown) this.begin(known) // a higher limit lets it come back
  }

  private replace(former: BgpPeer, config: PeerConfig): void {
    this.begin(replacePeer(former, config, this.host, this.all))
  }

  private remove(address: Ip): void {
    const removed = this.all.get(address)
    if (removed === undefined) return
    this.all.delete(address)
    this.host.environment.events.emit({ type: 'peer-removed', peer: formatIp(address) })
    removed.retire(CeaseSubcode.PeerDeconfigured, 'no longer configured')
  }

  private begin({ sessions, disabled }: BgpPeer): void {
    if (this.isRunning && !disabled) sessions.start()
  }
}

/** Puts a peer with another configuration in the place of one, which ends; it is not started. */
export function replacePeer(
  former: BgpPeer,
  config: PeerConfig,
  host: BgpPeerHost,
  all: Map<Ip, BgpPeer>,
): BgpPeer {
  const changed = new BgpPeer(config, host)
  all.set(config.address, changed)
  const { downReason } = former.sessions
  former.retire(CeaseSubcode.OtherConfigurationChange, 'the configuration of the peer has changed')
  changed.succeed(former)
  if (former.disabled) changed.sessions.downReason = downReason
  return changed
}
