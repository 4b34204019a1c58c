import { EVPN } from '../../../src/bgp/family.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import type { Negotiated } from '../../../src/bgp/session/negotiate.ts'
import { message, octet, u16 } from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, refused, scene } from './cases.ts'
import type { Field } from './field.ts'

export const OPEN = 1
const u32 = (value: number): string => value.toString(16).padStart(8, '0')

export const capability = (code: number, value = ''): string => octet(code) + octet(value.length / 2) + value
export const parameter = (type: number, value: string): string =>
  octet(type) + octet(value.length / 2) + value
export const family = (afi: number, safi: number): string => capability(1, `${u16(afi)}00${octet(safi)}`)
export const as4 = (as: number): string => capability(65, u32(as))

export const MP_EVPN = family(25, 70)
export const MP_TARGETS = family(1, 132)
export const PLAIN = MP_EVPN + MP_TARGETS + as4(64512)

interface Fields {
  readonly version?: number
  readonly as?: number
  readonly hold?: number
  readonly identifier?: number
  /** Capabilities, in one parameter. */
  readonly capabilities?: string
  /** Everything from the length of the optional parameters on. */
  readonly tail?: string
}

export function open({
  version = 4,
  as = 64512,
  hold = 90,
  identifier = 0x0a000003,
  capabilities = PLAIN,
  tail,
}: Fields = {}): Buffer {
  const parameters = capabilities === '' ? '' : parameter(2, capabilities)
  const end = tail ?? octet(parameters.length / 2) + parameters
  return message(OPEN, octet(version) + u16(as) + u16(hold) + u32(identifier) + end)
}

export function no(
  rfc: string,
  sent: string,
  fields: Fields,
  expected: string,
  host: number = HOST.internal,
): Case {
  return refused(rfc, sent, 'OpenSent', open(fields), expected, { host })
}

export function yes(
  rfc: string,
  sent: string,
  fields: Fields,
  check: (negotiated: Negotiated) => void = () => {},
  host: number = HOST.internal,
): Case {
  return scene(`${rfc}: ${sent} → accepted`, async (field) => check(await accept(field, open(fields), host)))
}

export async function accept(field: Field, bytes: Buffer, host: number): Promise<Negotiated> {
  const peer = await field.at('OpenSent', host)
  peer.send(bytes)
  await peer.receives(4)
  peer.send(KEEPALIVE)
  await field.established(host)
  const negotiated = field.bgpPeer(host).negotiated!
  if (negotiated.families.has(EVPN)) await field.taken(peer, host)
  return negotiated
}

export const capabilitiesOf = ({ peer }: Negotiated) => peer.capabilities

/** The families that the victim needs, as RFC 5492 §5 wants them in the NOTIFICATION. */
export const NEEDED = [
  [25, 70],
  [1, 132],
  [1, 128],
  [2, 128],
  [1, 134],
  [2, 134],
]
  .map(([afi, safi]) => family(afi!, safi!))
  .join('')
