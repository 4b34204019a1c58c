import {
  Capability,
  ErrorCode,
  MAX_EXTENDED_MESSAGE_LENGTH,
  MAX_MESSAGE_LENGTH,
  OpenSubcode,
} from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { SessionError } from '../errors.ts'
import { afiOf, type Family, familyName, safiOf } from '../family.ts'
import { AddPathMode } from '../message/capability.ts'
import type { Open } from '../message/open.ts'
import { nothingRecent } from '../wire/reader.ts'

/** The negotiated parameters. */
export interface Negotiated {
  readonly peer: Open
  readonly internal: boolean
  /** Zero: no keepalives, no hold timer. */
  readonly holdTimeSeconds: number
  readonly families: ReadonlySet<Family>
  /** Both advertised graceful restart (RFC 4724), and both that NOTIFICATIONs count as restarts (RFC 8538). */
  readonly gracefulRestart: boolean
  readonly gracefulNotification: boolean
  /** Both advertised enhanced route refresh (RFC 7313). */
  readonly enhancedRouteRefresh: boolean
  readonly context: SessionContext
}

const MIN_HOLD_TIME_SECONDS = 3

/** Why the peer's OPEN cannot be accepted (RFC 4271 §6.2, RFC 6286 §2.2), or null. */
export function refusal(ours: Open, peerAs: number, theirs: Open): SessionError | null {
  const refuse = (reason: string, subcode: number, data?: Uint8Array): SessionError =>
    new SessionError(reason, ErrorCode.OpenMessage, subcode, data)
  if (theirs.as !== peerAs) return refuse(`AS ${theirs.as}, expected ${peerAs}`, OpenSubcode.BadPeerAs)
  if (theirs.identifier === 0) return refuse('BGP identifier 0', OpenSubcode.BadBgpIdentifier)
  if (theirs.identifier === ours.identifier && theirs.as === ours.as) {
    return refuse('our own BGP identifier', OpenSubcode.BadBgpIdentifier)
  }
  if (theirs.holdTimeSeconds > 0 && theirs.holdTimeSeconds < MIN_HOLD_TIME_SECONDS) {
    return refuse(`hold time ${theirs.holdTimeSeconds}`, OpenSubcode.UnacceptableHoldTime)
  }
  if (commonFamilies(ours, theirs).size === 0) {
    const wanted = ours.capabilities.families
    const data = Uint8Array.from(
      wanted.flatMap((family) => [Capability.MultiProtocol, 4, ...afi(family), 0, safiOf(family)]),
    )
    return refuse(
      `no common family, ours are ${wanted.map(familyName).join(', ')}`,
      OpenSubcode.UnsupportedCapability,
      data,
    )
  }
  return null
}

const afi = (family: Family): readonly [number, number] => [afiOf(family) >>> 8, afiOf(family) & 0xff]

function commonFamilies(ours: Open, theirs: Open): Set<Family> {
  const offered = new Set(theirs.capabilities.families)
  return new Set(ours.capabilities.families.filter((family) => offered.has(family)))
}

/** The result of two acceptable OPENs. */
export function negotiate(ours: Open, theirs: Open): Negotiated {
  const internal = ours.as === theirs.as
  const families = commonFamilies(ours, theirs)
  const sends = new Set(
    theirs.capabilities.addPath
      .filter(({ mode }) => (mode & AddPathMode.Send) !== 0)
      .map(({ family }) => family),
  )
  const receives = ours.capabilities.addPath
    .filter(({ mode }) => (mode & AddPathMode.Receive) !== 0)
    .map(({ family }) => family)
  const extended = ours.capabilities.extendedMessage && theirs.capabilities.extendedMessage
  return {
    peer: theirs,
    internal,
    holdTimeSeconds: Math.min(ours.holdTimeSeconds, theirs.holdTimeSeconds),
    families,
    gracefulRestart:
      ours.capabilities.gracefulRestart !== null && theirs.capabilities.gracefulRestart !== null,
    gracefulNotification: bothNotify(ours, theirs),
    enhancedRouteRefresh: ours.capabilities.enhancedRouteRefresh && theirs.capabilities.enhancedRouteRefresh,
    context: {
      internal,
      enhancedRouteRefresh: theirs.capabilities.enhancedRouteRefresh,
      families,
      fourOctetAs: ours.capabilities.fourOctetAs !== null && theirs.capabilities.fourOctetAs !== null,
      addPathReceive: new Set(receives.filter((family) => sends.has(family) && families.has(family))),
      maxMessageLength: extended ? MAX_EXTENDED_MESSAGE_LENGTH : MAX_MESSAGE_LENGTH,
      recent: nothingRecent(),
    },
  }
}

function bothNotify(...opens: readonly Open[]): boolean {
  return opens.every(({ capabilities }) => capabilities.gracefulRestart?.notification === true)
}
