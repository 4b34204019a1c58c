import type { AdvertisedCapabilities, SessionCapabilities } from '../../api/looking-glass.ts'
import { MAX_MESSAGE_LENGTH } from '../../bgp/constants.ts'
import { familyName } from '../../bgp/family.ts'
import { AddPathMode, type Capabilities } from '../../bgp/message/capability.ts'
import type { Negotiated } from '../../bgp/session/negotiate.ts'

/** The negotiated parameters of a session, and what each side advertised. */
export function showCapabilities(
  negotiated: Negotiated,
  ours: Capabilities | undefined,
): SessionCapabilities {
  const { context, peer, families } = negotiated
  return {
    families: [...families].map(familyName),
    four_octet_as: context.fourOctetAs,
    route_refresh: peer.capabilities.routeRefresh,
    enhanced_route_refresh: negotiated.enhancedRouteRefresh,
    extended_messages: context.maxMessageLength > MAX_MESSAGE_LENGTH,
    add_path_received: [...context.addPathReceive].map(familyName),
    graceful_restart: negotiated.gracefulRestart,
    graceful_notification: negotiated.gracefulNotification,
    announced: { local: ours === undefined ? null : advertised(ours), peer: advertised(peer.capabilities) },
  }
}

function advertised({
  families,
  addPath,
  gracefulRestart,
  longLivedGracefulRestart,
  ...more
}: Capabilities): AdvertisedCapabilities {
  return {
    families: families.map(familyName),
    add_path: addPath.map(({ family, mode }) => ({
      family: familyName(family),
      send: (mode & AddPathMode.Send) !== 0,
      receive: (mode & AddPathMode.Receive) !== 0,
    })),
    graceful_restart: gracefulRestart && {
      restarting: gracefulRestart.restarting,
      notification: gracefulRestart.notification,
      restart_time: gracefulRestart.restartTimeSeconds,
      families: gracefulRestart.families.map(({ family, forwarding }) => ({
        family: familyName(family),
        forwarding,
      })),
    },
    long_lived_graceful_restart: longLivedGracefulRestart.map(({ family, forwarding, staleTimeSeconds }) => ({
      family: familyName(family),
      forwarding,
      stale_time: staleTimeSeconds,
    })),
    hostname: more.hostname,
    software_version: more.softwareVersion,
  }
}
