import { formatIp, ipv4FromNumber } from '../../values/address.ts'
import { AttributeCode } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { Malformed, type Severity } from '../errors.ts'
import { type AttributeCodec, OPTIONAL_NON_TRANSITIVE, readList } from './codec.ts'

const onError = ({ internal }: SessionContext): Severity => (internal ? 'withdraw' : 'discard')

function expectInternal({ internal }: SessionContext): void {
  if (!internal) throw new Malformed('route reflection attribute from an external peer')
}

/** ORIGINATOR_ID (RFC 4456 §8): the BGP identifier of the speaker that brought the route into the AS. */
export const originatorId: AttributeCodec<'originatorId', number> = {
  code: AttributeCode.OriginatorId,
  field: 'originatorId',
  name: 'ORIGINATOR_ID',
  shownAs: 'originator-id',
  flags: OPTIONAL_NON_TRANSITIVE,
  onError,
  decode(r, context) {
    expectInternal(context)
    return r.u32()
  },
  encode: (w, value) => w.u32(value),
  format: (value) => formatIp(ipv4FromNumber(value)),
}

/** CLUSTER_LIST (RFC 4456 §8), nearest cluster first. */
export const clusterList: AttributeCodec<'clusterList', readonly number[]> = {
  code: AttributeCode.ClusterList,
  field: 'clusterList',
  name: 'CLUSTER_LIST',
  shownAs: 'cluster-list',
  flags: OPTIONAL_NON_TRANSITIVE,
  onError,
  decode(r, context) {
    expectInternal(context)
    return readList(r, 4, (item) => item.u32())
  },
  encode(w, values) {
    for (const value of values) w.u32(value)
  },
  format: (values) => values.map((value) => formatIp(ipv4FromNumber(value))),
}
