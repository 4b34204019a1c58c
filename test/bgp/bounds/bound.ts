import { MessageType } from '../../../src/bgp/constants.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  message,
  ORIGIN,
  octet,
  TARGET,
  u16,
  update,
} from '../../support/update-bytes.ts'

export type Stage = 'OpenSent' | 'OpenConfirm' | 'Established'

/** The AS and the BGP identifier of the sender, and the identifier of the speaker that the bounds are played on. */
export const SENDER = { as: 64512, identifier: '0a4d000b' } as const
export const SPEAKER_IDENTIFIER = '0a4d0001'

/**
 * What becomes of it: the route is taken, is gone, is taken without the attribute, is quarantined, nothing happens, the
 * session ends without a word, or with a NOTIFICATION.
 */
export type Verdict =
  | 'accepted'
  | 'withdrawn'
  | 'discarded'
  | 'quarantined'
  | 'ignored'
  | 'closed'
  | `reset ${number}/${number}`

/** One message at or one past a bound that an RFC states, and what it says has to come of it. */
export interface Bound {
  /** RFC and section. */
  readonly rfc: string
  readonly name: string
  readonly at: Stage
  /** Sent first, and taken. */
  readonly before: readonly Buffer[]
  readonly bytes: Buffer
  readonly verdict: Verdict
}

const RD = '0000fc000000004d'

/** An EVPN route in MP_REACH_NLRI, and the UPDATE that advertises it well. */
export const ROUTE = attribute(0x80, 14, `00194604c00002020003110000fc000000004d0000000020c0000202`)
export const REST = ORIGIN + AS_PATH + LOCAL_PREF
const MED = attribute(0x80, 4, '00000001')
/** The route of every bound about attributes, as it is before: with other attributes than any bound has. */
export const GOOD: Buffer = update(ROUTE + ORIGIN + AS_PATH + MED + LOCAL_PREF + TARGET)

export const bytesOf = (length: number, value = 0): string => octet(value).repeat(length)

export function inEstablished(rfc: string, name: string, bytes: Buffer, verdict: Verdict): Bound {
  return { rfc, name, at: 'Established', before: [GOOD], bytes, verdict }
}

/** Path attributes of the route, in place of what they usually are. */
export function attributesBound(rfc: string, name: string, attributes: string, verdict: Verdict): Bound {
  return inEstablished(rfc, name, update(ROUTE + attributes), verdict)
}

/** One NLRI of a family, behind a good one under the same key where `good` is given. */
export function nlriBound(
  rfc: string,
  name: string,
  family: FamilyHead,
  nlri: string,
  verdict: Verdict,
  good: string | null = null,
): Bound {
  const reach = (one: string): string => attribute(0x80, 14, `${family.reach}${one}`)
  const before = good === null ? [GOOD] : [update(reach(good) + REST + MED + TARGET)]
  return { rfc, name, at: 'Established', before, bytes: update(reach(nlri) + REST + TARGET), verdict }
}

export interface FamilyHead {
  readonly name: string
  /** AFI and SAFI. */
  readonly family: string
  /** AFI, SAFI, next hop and reserved octet. */
  readonly reach: string
}

const head = (name: string, family: string, nextHop: string): FamilyHead => ({
  name,
  family,
  reach: `${family}${octet(nextHop.length / 2)}${nextHop}00`,
})

export const EVPN = head('EVPN', '001946', 'c0000202')
export const VPNV4 = head('VPN-IPv4', '000180', `${bytesOf(8)}c0000202`)
export const VPNV6 = head('VPN-IPv6', '000280', `${bytesOf(8)}20010db8${bytesOf(11)}01`)
export const RTC = head('route-target', '000184', 'c0000202')
export const FLOW4 = head('FlowSpec-VPN-IPv4', '000186', '')
export const FLOW6 = head('FlowSpec-VPN-IPv6', '000286', '')

/** An OPEN of the sender. `changes` are its fields in hex, and `parameters` the optional parameters behind their length. */
export function openMessage(
  changes: { version?: string; as?: string; hold?: string; identifier?: string } = {},
  parameters: string = behindLength(CAPABILITIES),
): Buffer {
  const { version = '04', as = u16(SENDER.as), hold = '005a', identifier = SENDER.identifier } = changes
  return message(MessageType.Open, version + as + hold + identifier + parameters)
}

const behindLength = (text: string): string => octet(text.length / 2) + text

export const capability = (code: number, value: string): string => octet(code) + behindLength(value)
export const parameter = (type: number, value: string): string => octet(type) + behindLength(value)

const FAMILIES = [EVPN, VPNV4, VPNV6, RTC, FLOW4, FLOW6].map(({ family }) =>
  capability(1, `${family.slice(0, 4)}00${family.slice(4)}`),
)
/** What the sender advertises where a bound is about something else. */
export const SENDER_CAPABILITIES: string =
  FAMILIES.join('') + capability(2, '') + capability(65, `0000${u16(SENDER.as)}`) + capability(70, '')
const CAPABILITIES = parameter(2, SENDER_CAPABILITIES)

/** An OPEN with these capabilities besides the families and the AS. */
export function openWith(capabilities: string): Buffer {
  const value = FAMILIES.join('') + capabilities
  return openMessage({}, behindLength(parameter(2, value)))
}

export { attribute, KEEPALIVE, message, octet, RD, TARGET, u16, update }
