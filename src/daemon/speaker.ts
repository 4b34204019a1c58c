import { EVPN, type Family, ROUTE_TARGET, VPNV4, VPNV6 } from '../bgp/family.ts'
import { maskPrefix } from '../bgp/nlri/prefix.ts'
import type { PeerConfig } from '../bgp/session/peer-config.ts'
import { Speaker, type SpeakerEnvironment } from '../bgp/speaker.ts'
import {
  type DynamicPeers,
  SPEAKER_DEFAULTS,
  type SpeakerConfig,
  type SpeakerTimes,
} from '../bgp/speaker-config.ts'
import type { Config } from '../config/config.ts'
import { clientLimit } from '../linux/descriptors.ts'
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

function speakerConfig(config: Config, state: SavedState | null): SpeakerConfig {
  const { bgp } = config
  const families = familiesOf(config)
  const { headlessSeconds, vanishedSeconds, restartSeconds } = speakerTimes(config)
  return {
    ...SPEAKER_DEFAULTS,
    as: bgp.asNumber,
    identifier: bgp.identifier,
    localAddress: bgp.localAddress,
    listenPort: bgp.listenPort,
    routeTargetConstraint: bgp.routeTargetConstraint,
    clusterId: bgp.reflector ? bgp.identifier : null,
    headlessSeconds,
    vanishedSeconds,
    restart: {
      timeSeconds: restartSeconds,
      families,
      isRestart: state !== null,
      holdsEndOfRib: false,
      followsOthers: state !== null && readvertises(state),
    },
    peers: peerConfigs(config),
    dynamicPeers: dynamicPeers(config),
  }
}

/** The prefixes from which clients may connect. */
export function dynamicPeers(config: Config): DynamicPeers[] {
  return config.bgp.dynamicPeers.filter(({ enabled }) => enabled).map((one) => dynamicPeersOf(config, one))
}

/** Those of one prefix. */
export function dynamicPeersOf(config: Config, prefix: Config['bgp']['dynamicPeers'][number]): DynamicPeers {
  const { dynamicPeers, peers } = config.bgp
  const { network, enabled: _, routeTargetConstraint, ...peer } = prefix
  const { ip, prefixLength: length } = network
  return {
    prefix: { ip: maskPrefix(ip, length), length },
    template: { ...peer, families: offeredFamilies(familiesOf(config), { routeTargetConstraint }) },
    limit: clientLimit(MAX_CLIENTS, { prefixes: dynamicPeers.length, peers: peers.length }),
  }
}

/** The configured peers. */
export function peerConfigs(config: Config): PeerConfig[] {
  const families = familiesOf(config)
  return config.bgp.peers.map(({ enabled: _, routeTargetConstraint, ...peer }) => ({
    ...peer,
    families: offeredFamilies(families, { routeTargetConstraint }),
  }))
}

/** The times that a reload may change. */
export function speakerTimes({ bgp }: Config): SpeakerTimes {
  const { headlessSeconds, vanishedSeconds, gracefulRestartSeconds: restartSeconds } = bgp
  return { headlessSeconds, vanishedSeconds, restartSeconds }
}

function familiesOf({ serves }: Config): Family[] {
  return [...(serves.evpn ? [EVPN] : []), ...(serves.ipvpn ? [VPNV4, VPNV6] : [])]
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
