import { formatIp } from '../../values/address.ts'
import type { JsonObject } from '../../values/json.ts'
import type { MpReach, NlriList } from '../attribute/mp.ts'
import { AttributeCode, HEADER_LENGTH } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { Malformed } from '../errors.ts'
import { familyName } from '../family.ts'
import { decodeUpdate, quarantinedNlri } from '../message/update.ts'
import { nlriCodec } from '../nlri/index.ts'
import { Reader } from '../wire/reader.ts'
import { describeAttributes } from './attributes.ts'
import type { AttributeDescription, RoutesDescription, UpdateDescription } from './description.ts'
import { describeFinding, describeQuarantined, verdictOf } from './errors.ts'

/** Describes an UPDATE, header included. */
export function describeUpdate(bytes: Buffer, session: SessionContext): UpdateDescription {
  const update = decodeUpdate(bytes, session)
  const quarantined = [...quarantinedNlri(update)]
  const attributes = attributesOf(bytes, session)
  const errors = [...update.findings.map(describeFinding), ...quarantined.map(describeQuarantined)]
  return {
    type: 'UPDATE',
    length: bytes.length,
    end_of_rib: update.endOfRib === null || attributes.some(hidesRoutes) ? null : familyName(update.endOfRib),
    reach: update.reach.map(describeReach),
    unreach: update.unreach.map(describeRoutes),
    attributes,
    verdict: verdictOf(errors),
    errors,
  }
}

/** Whether it holds routes of a family that is not decoded. */
const hidesRoutes = ({ code, value }: AttributeDescription): boolean =>
  code === AttributeCode.MpUnreach && typeof value === 'object'

function describeReach(reach: MpReach): RoutesDescription {
  const { family, nlri } = describeRoutes(reach)
  return { family, next_hop: reach.nextHop === null ? null : formatIp(reach.nextHop), nlri }
}

function describeRoutes({ family, nlri, pathIds }: NlriList): RoutesDescription {
  const codec = nlriCodec(family)
  const described = nlri.map((one, i): JsonObject => {
    const fields = codec?.fields(one) ?? {}
    return pathIds === null ? fields : { path_id: pathIds[i] ?? 0, ...fields }
  })
  return { family: familyName(family), nlri: described }
}

/** Skips the withdrawn routes; returns an empty list when wrong lengths leave no attributes. */
function attributesOf(bytes: Buffer, session: SessionContext): AttributeDescription[] {
  const r = new Reader(bytes, HEADER_LENGTH)
  try {
    r.skip(r.u16())
    r.enter(r.u16())
  } catch (error) {
    if (error instanceof Malformed) return []
    throw error
  }
  return describeAttributes(r, session)
}
