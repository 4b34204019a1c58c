import { formatIp, type Ip } from '../values/address.ts'
import { BgpPeer, type BgpPeerHost } from './bgp-peer.ts'
import { replacePeer } from './configured-peers.ts'
import { CeaseSubcode } from './constants.ts'
import { isWithin } from './nlri/prefix.ts'
import { effectOf, type PeerConfig } from './session/peer-config.ts'
import type { DynamicPeers } from './speaker-config.ts'

/** The dynamic peers of a speaker that are connected, and the prefixes from which others may connect. */
export class ConnectedPeers {
  groups: readonly DynamicPeers[]
  private readonly all: Map<Ip, BgpPeer>
  private readonly host: BgpPeerHost
  private readonly members = new Map<BgpPeer, DynamicPeers>()
  /** Of prefixes from which no more may connect, the last address that was refused for that. */
  readonly refused = new Map<DynamicPeers, Ip>()

  /** `all` are the speaker's peers, of which some may be configured. */
  constructor(groups: readonly DynamicPeers[], all: Map<Ip, BgpPeer>, host: BgpPeerHost) {
    this.groups = groups
    this.all = all
    this.host = host
  }

  /** Creates a peer for a connection; undefined where none may connect, or no more may. */
  admit(address: Ip): BgpPeer | undefined {
    const group = this.groupOf(address)
    if (group === undefined) return undefined
    const { limit } = group
    const members = [...this.members.values()].filter((other) => other === group).length
    if (members >= limit) {
      this.refused.set(group, address)
      this.host.environment.events.emit({ type: 'peer-limit', address: formatIp(address), limit })
      return undefined
    }
    const peer = new BgpPeer(configOf(group, address), this.host)
    this.members.set(peer, group)
    this.all.set(address, peer)
    peer.sessions.start()
    return peer
  }

  /** The peer is configured from now on. */
  handOver(peer: BgpPeer): void {
    this.forget(peer)
  }

  /** Removes a peer that is gone. */
  remove(peer: BgpPeer): void {
    if (this.forget(peer)) this.all.delete(peer.sessions.config.address)
  }

  /** Returns whether it was dynamic. */
  private forget(peer: BgpPeer): boolean {
    const group = this.members.get(peer)
    if (group !== undefined) this.refused.delete(group)
    return this.members.delete(peer)
  }

  /** Replaces the prefixes: members that may no longer connect are removed, others are changed. */
  set(groups: readonly DynamicPeers[]): void {
    this.groups = groups
    this.refused.clear()
    for (const peer of [...this.members.keys()]) this.update(peer)
  }

  private update(peer: BgpPeer): void {
    const { events } = this.host.environment
    const { config, name } = peer.sessions
    const group = this.groupOf(config.address)
    if (group === undefined) {
      events.emit({ type: 'peer-removed', peer: name })
      this.remove(peer)
      return peer.retire(CeaseSubcode.PeerDeconfigured, 'no longer configured')
    }
    const changed = configOf(group, config.address)
    const effect = effectOf(config, changed)
    this.members.set(peer, group)
    if (effect === 'none') return
    const reset = effect === 'reset'
    events.emit({ type: 'peer-changed', peer: name, reset })
    if (reset) return this.replace(peer, changed, group)
    peer.reconfigure(changed)
    if (!peer.disabled) peer.enable() // a higher limit lets it come back
  }

  /** Only one that is kept down stays known: others connect again, and are admitted anew. */
  private replace(peer: BgpPeer, config: PeerConfig, group: DynamicPeers): void {
    const successor = replacePeer(peer, config, this.host, this.all)
    this.members.delete(peer)
    this.members.set(successor, group)
    if (!successor.disabled) this.remove(successor)
  }

  private groupOf(address: Ip): DynamicPeers | undefined {
    return this.groups.find(({ prefix }) => isWithin(address, prefix))
  }
}

function configOf({ template }: DynamicPeers, address: Ip): PeerConfig {
  return { ...template, address, passive: true }
}
