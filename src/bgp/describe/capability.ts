import { hex, type Octets } from '../../values/bytes.ts'
import type { JsonObject } from '../../values/json.ts'
import { Capability as Code } from '../constants.ts'
import { familyName, familyNames, familyOf } from '../family.ts'
import { AddPathMode, type Capabilities, decodeCapabilities, noCapabilities } from '../message/capability.ts'
import { Reader } from '../wire/reader.ts'
import type { CapabilityDescription, ErrorDescription } from './description.ts'
import { describeIgnored } from './errors.ts'

interface Words {
  readonly name: string
  /** The description of one capability, from a record into which it alone was read, and from its octets. */
  readonly fields: (read: Capabilities, value: Octets) => JsonObject
}

const ROLES = ['provider', 'route server', 'route server client', 'customer', 'peer']

/** The capabilities that are decoded, by their code. */
const WORDS: Readonly<Record<number, Words>> = {
  [Code.MultiProtocol]: {
    name: 'multiprotocol',
    fields: ({ families: [family = 0] }) => ({ family: familyName(family) }),
  },
  [Code.RouteRefresh]: { name: 'route refresh', fields: () => ({}) },
  [Code.ExtendedNextHop]: {
    name: 'extended next hop',
    fields: ({ extendedNextHop }) => ({
      families: extendedNextHop.map(({ family, nextHopAfi }) => ({
        family: familyName(family),
        next_hop_afi: familyNames(familyOf(nextHopAfi, 0)).afi,
      })),
    }),
  },
  [Code.ExtendedMessage]: { name: 'extended message', fields: () => ({}) },
  [Code.Role]: {
    name: 'role',
    fields: ({ role }) => ({ role: ROLES[role ?? -1] ?? String(role) }),
  },
  [Code.GracefulRestart]: {
    name: 'graceful restart',
    fields: ({ gracefulRestart }) => ({
      restarting: gracefulRestart?.restarting ?? false,
      notification: gracefulRestart?.notification ?? false,
      restart_time_seconds: gracefulRestart?.restartTimeSeconds ?? 0,
      families: (gracefulRestart?.families ?? []).map(({ family, forwarding }) => ({
        family: familyName(family),
        forwarding,
      })),
    }),
  },
  [Code.FourOctetAs]: { name: '4-octet AS number', fields: ({ fourOctetAs }) => ({ as: fourOctetAs }) },
  [Code.AddPath]: {
    name: 'add-path',
    fields: ({ addPath }) => ({
      families: addPath.map(({ family, mode }) => ({
        family: familyName(family),
        send: (mode & AddPathMode.Send) !== 0,
        receive: (mode & AddPathMode.Receive) !== 0,
      })),
    }),
  },
  [Code.EnhancedRouteRefresh]: { name: 'enhanced route refresh', fields: () => ({}) },
  [Code.LongLivedGracefulRestart]: {
    name: 'long-lived graceful restart',
    fields: ({ longLivedGracefulRestart }) => ({
      families: longLivedGracefulRestart.map(({ family, forwarding, staleTimeSeconds }) => ({
        family: familyName(family),
        forwarding,
        stale_time_seconds: staleTimeSeconds,
      })),
    }),
  },
  [Code.Fqdn]: {
    name: 'FQDN',
    fields: ({ hostname }, value) => ({ host: hostname, domain: text(value.slice(2 + value.charCodeAt(0))) }),
  },
  [Code.SoftwareVersion]: {
    name: 'software version',
    fields: ({ softwareVersion }) => ({ version: softwareVersion }),
  },
  [Code.OldRouteRefresh]: { name: 'route refresh, before it was a standard', fields: () => ({}) },
}

/** IANA "Capability Codes" of those that are not decoded. */
const UNREAD: Readonly<Record<number, string>> = {
  3: 'outbound route filtering',
  7: 'BGPsec',
  8: 'multiple labels',
  66: 'dynamic capability, deprecated',
  67: 'dynamic capability',
  68: 'multisession',
  72: 'routing policy distribution',
  76: 'paths limit',
  129: 'outbound route filtering, deprecated',
  131: 'multisession, deprecated',
}

/** Describes the capabilities up to the reader's bound, one by one. Throws `Malformed` where framing is lost. */
export function describeCapabilities(
  r: Reader,
  into: CapabilityDescription[],
  errors: ErrorDescription[],
): void {
  while (r.remaining > 0) {
    const start = r.pos
    const code = r.u8()
    const value = r.octets(r.u8())
    const words = WORDS[code]
    const read = noCapabilities()
    decodeCapabilities(new Reader(r.bytes, start, r.pos), read)
    const unread = { code, name: nameOf(code), value: null, bytes: hex(value) }
    if (words === undefined) into.push(unread)
    else if (read.unknown.length > 0) {
      into.push(unread)
      errors.push(
        describeIgnored(
          `capability ${nameOf(code)} (${code}) is malformed and counts as not advertised (RFC 5492 §4)`,
          r.copy(start, r.pos),
        ),
      )
    } else into.push({ code, name: words.name, value: words.fields(read, value) })
  }
}

function nameOf(code: number): string {
  return WORDS[code]?.name ?? UNREAD[code] ?? 'unknown capability'
}

const text = (octets: Octets): string => Buffer.from(octets, 'latin1').toString('utf8')
