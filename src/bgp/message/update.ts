import type { Octets } from '../../values/bytes.ts'
import { type Attributes, noAttributes } from '../attribute/attributes.ts'
import { type DecodedAttributes, decodeAttributes } from '../attribute/index.ts'
import { type MpReach, type NlriList, type QuarantinedNlri, readNlriList } from '../attribute/mp.ts'
import { removeTunnels } from '../attribute/tunnel-endpoints.ts'
import { HEADER_LENGTH, UpdateSubcode } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { type Finding, Malformed, type Severity, stronger } from '../errors.ts'
import { type Family, IPV4_UNICAST } from '../family.ts'
import { REACHABLE, WITHDRAWN } from '../nlri/codec.ts'
import { nlriCodec } from '../nlri/index.ts'
import { Reader } from '../wire/reader.ts'

/** One UPDATE in one shape for every family; the legacy IPv4 fields are folded in. */
export interface Update {
  readonly attributes: Attributes
  /** Bytes of the attributes without those that carry NLRI: equal bytes are equal attributes. */
  readonly wire: Octets
  readonly reach: readonly MpReach[]
  readonly unreach: readonly NlriList[]
  /** The family whose End-of-RIB this is (RFC 4724 §2). */
  readonly endOfRib: Family | null
  readonly findings: readonly Finding[]
  /** The strongest reaction that `findings` ask for. */
  readonly verdict: Severity | null
}

/** Decodes an UPDATE, header included. Never throws: errors are in `findings` (RFC 7606). */
export function decodeUpdate(message: Uint8Array, session: SessionContext): Update {
  const r = new Reader(message, HEADER_LENGTH, message.length, session.recent)
  const reach: MpReach[] = []
  const unreach: NlriList[] = []
  let decoded: DecodedAttributes = {
    attributes: noAttributes(),
    mpReach: null,
    mpUnreach: null,
    wire: '',
    findings: [],
  }
  let endOfRib: Family | null = null
  try {
    const withdrawnLength = r.u16()
    if (withdrawnLength + 2 > r.remaining) throw malformedList(`withdrawn routes of ${withdrawnLength} bytes`)
    const withdrawnEnd = r.enter(withdrawnLength)
    const withdrawn = readNlriList(r, IPV4_UNICAST, session, WITHDRAWN)
    r.leave(withdrawnEnd)
    const attributesLength = r.u16()
    if (attributesLength > r.remaining) throw malformedList(`attributes of ${attributesLength} bytes`)
    const attributesEnd = r.enter(attributesLength)
    decoded = decodeAttributes(r, session)
    r.leave(attributesEnd)
    const advertised = readNlriList(r, IPV4_UNICAST, session, REACHABLE)

    const { mpReach, mpUnreach } = decoded
    if (isFilled(withdrawn)) unreach.push(withdrawn)
    if (isFilled(advertised)) reach.push({ ...advertised, nextHop: decoded.attributes.nextHop })
    if (mpReach !== null) reach.push(mpReach)
    if (mpUnreach !== null && isFilled(mpUnreach)) unreach.push(mpUnreach)
    // An End-of-RIB holds nothing else (RFC 4724 §2).
    const isEnd = reach.length === 0 && unreach.length === 0 && decoded.wire === ''
    if (isEnd && mpUnreach !== null) endOfRib = mpUnreach.family
    else if (isEnd && attributesLength === 0) endOfRib = IPV4_UNICAST
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    const subcode = error.subcode ?? UpdateSubcode.InvalidNetworkField
    decoded.findings.push({
      severity: 'reset',
      subcode,
      attribute: null,
      reason: error.message,
      data: new Uint8Array(0),
    })
  }
  const { attributes, wire } = decoded
  decoded.findings.push(
    ...removeTunnels(
      attributes,
      reach.map(({ family }) => family),
    ),
  )
  const missing = missingAttribute(attributes, reach, session)
  if (missing !== null) decoded.findings.push(missing)
  const findings = reach.some(isLocated) ? decoded.findings : decoded.findings.map(resetInstead)
  let verdict: Severity | null = null
  for (const { severity } of findings) verdict = stronger(verdict, severity)
  const intact = verdict === null || verdict === 'discard'
  return { attributes, wire, reach, unreach, endOfRib: intact ? endOfRib : null, findings, verdict }
}

function malformedList(reason: string): Malformed {
  return new Malformed(`${reason} run past the message`, UpdateSubcode.MalformedAttributeList)
}

function isFilled({ nlri, quarantined, ignored }: NlriList): boolean {
  return nlri.length > 0 || quarantined.length > 0 || ignored > 0
}

/** Whether an attribute that advertises routes is complete, or would be if its family were decoded. */
function isLocated(list: NlriList): boolean {
  return isFilled(list) || nlriCodec(list.family) === undefined
}

/** Without advertised routes, some may have been lost to the error: treat-as-withdraw is impossible (RFC 7606 §5.2). */
function resetInstead(finding: Finding): Finding {
  return finding.severity === 'withdraw' ? { ...finding, severity: 'reset' } : finding
}

/** RFC 4271 §6.3 and RFC 7606 §3 (d): ORIGIN, AS_PATH, NEXT_HOP of IPv4 routes, LOCAL_PREF on internal sessions. */
function missingAttribute(
  attributes: Attributes,
  reach: readonly MpReach[],
  session: SessionContext,
): Finding | null {
  if (reach.every((list) => !isFilled(list))) return null
  const legacy = reach.some(({ family, nextHop }) => family === IPV4_UNICAST && nextHop === null)
  const code =
    attributes.origin === null
      ? 1
      : attributes.asPath === null
        ? 2
        : legacy
          ? 3
          : attributes.localPref === null && session.internal
            ? 5
            : null
  if (code === null) return null
  return {
    severity: 'withdraw',
    subcode: UpdateSubcode.MissingWellKnownAttribute,
    attribute: code,
    reason: `well-known attribute ${code} is missing`,
    data: Uint8Array.of(code),
  }
}

/** Every quarantined NLRI of an UPDATE. */
export function* quarantinedNlri({ reach, unreach }: Update): Iterable<QuarantinedNlri> {
  for (const { quarantined } of [...unreach, ...reach]) yield* quarantined
}
