import { EVPN, type Family, ROUTE_TARGET, VPNV4, VPNV6 } from '../bgp/family.ts'
import { maskPrefix } from '../bgp/nlri/prefix.ts'
import { SPEAKER_DEFAULTS, Speaker, type SpeakerConfig, type SpeakerEnvironment } from '../bgp/speaker.ts'
import type { Config } from '../config/config.ts'
import { formatIp } from '../values/address.ts'
import { readvertises, type SavedState } from '../vpn/state.ts'
import type { InputRecording } from './recording.ts'

/** Maximum dynamic clients of a reflecting daemon. */
const MAX_CLIENTS = 1000

/** The speaker of a daemon that continues from `state`; null for one that starts anew. Starts no session. */
export function newSpeaker(
  config: Config,
  state: SavedState | null,
  environment: SpeakerEnvironment,
  onConverged: () => void,
): Speaker {
  return new Speaker(speakerConfig(config, state), environment, onConverged)
}

function speakerConfig({ bgp, serves }: Config, state: SavedState | null): SpeakerConfig {
  const families = [...(serves.evpn ? [EVPN] : []), ...(serves.ipvpn ? [VPNV4, VPNV6] : [])]
  return {
    ...SPEAKER_DEFAULTS,
    as: bgp.asNumber,
    identifier: bgp.identifier,
    localAddress: bgp.localAddress,
    listenPort: bgp.listenPort,
    routeTargetConstraint: bgp.routeTargetConstraint,
    clusterId: bgp.reflector ? bgp.identifier : null,
    headlessSeconds: bgp.headlessSeconds,
    vanishedSeconds: bgp.vanishedSeconds,
    restart: {
      timeSeconds: bgp.gracefulRestartSeconds,
      families: bgp.gracefulRestartSeconds > 0 ? families : [],
      isRestart: state !== null,
      holdsEndOfRib: false,
      followsOthers: state !== null && readvertises(state),
    },
    peers: bgp.peers.map((peer) => ({ ...peer, families: offeredFamilies(families, peer) })),
    dynamicPeers: bgp.dynamicPeers
      .filter(({ enabled }) => enabled)
      .map(({ network: { ip, prefixLength: length }, ...peer }) => ({
        prefix: { ip: maskPrefix(ip, length), length },
        template: { ...peer, families: offeredFamilies(families, peer) },
        limit: MAX_CLIENTS,
      })),
  }
}

function offeredFamilies(
  families: readonly Family[],
  peer: { readonly routeTargetConstraint: boolean },
): readonly Family[] {
  return peer.routeTargetConstraint ? [...families, ROUTE_TARGET] : families
}

/** Disables the peers that the configuration has disabled, until an operator enables them. */
export function disablePeers({ bgp }: Config, speaker: Speaker, recording: InputRecording): void {
  for (const { address, enabled } of bgp.peers) {
    if (enabled) continue
    const reason = 'by the configuration'
    speaker.peers.get(address)?.disable(reason)
    recording.write({ type: 'order', peer: formatIp(address), action: 'disable', reason })
  }
}
