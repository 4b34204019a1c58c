import { formatIp, IPV4_LENGTH, type Ip } from '../../values/address.ts'
import { AS_TRANS, AttributeCode } from '../constants.ts'
import { Malformed } from '../errors.ts'
import type { Reader } from '../wire/reader.ts'
import { type AttributeCodec, discard, OPTIONAL_TRANSITIVE, WELL_KNOWN } from './codec.ts'
import type { Aggregator } from './values.ts'

/** ATOMIC_AGGREGATE (RFC 4271 §5.1.6): has no value. */
export const atomicAggregate: AttributeCodec<'atomicAggregate', true> = {
  code: AttributeCode.AtomicAggregate,
  field: 'atomicAggregate',
  name: 'ATOMIC_AGGREGATE',
  shownAs: 'atomic-aggregate',
  flags: WELL_KNOWN,
  onError: discard,
  decode: () => true,
  encode() {},
  format: String,
  describe: (value) => value,
}

/** AGGREGATOR (RFC 4271 §5.1.7, RFC 6793 §4). */
export const aggregator: AttributeCodec<'aggregator', Aggregator> = {
  code: AttributeCode.Aggregator,
  field: 'aggregator',
  name: 'AGGREGATOR',
  shownAs: 'aggregator',
  flags: OPTIONAL_TRANSITIVE,
  onError: discard,
  decode: (r, { fourOctetAs }) => readAggregator(r, fourOctetAs),
  encode(w, { as, address }, { fourOctetAs }) {
    if (fourOctetAs) w.u32(as)
    else w.u16(as > 0xffff ? AS_TRANS : as)
    w.octets(address)
  },
  format: formatAggregator,
  describe: ({ as, address }) => ({ as, address: formatIp(address) }),
}

/** AS4_AGGREGATOR (RFC 6793 §3). */
export const as4Aggregator: AttributeCodec<'as4Aggregator', Aggregator> = {
  code: AttributeCode.As4Aggregator,
  field: 'as4Aggregator',
  name: 'AS4_AGGREGATOR',
  shownAs: 'as4-aggregator',
  flags: OPTIONAL_TRANSITIVE,
  onError: discard,
  decode: (r) => readAggregator(r, true),
  encode(w, { as, address }) {
    w.u32(as)
    w.octets(address)
  },
  format: formatAggregator,
  describe: ({ as, address }) => ({ as, address: formatIp(address) }),
}

/** AS 0 makes it malformed (RFC 7607 §2). */
function readAggregator(r: Reader, wide: boolean): Aggregator {
  const as = wide ? r.u32() : r.u16()
  if (as === 0) throw new Malformed('AS 0')
  return { as, address: r.octets(IPV4_LENGTH) as Ip }
}

function formatAggregator({ as, address }: Aggregator): string {
  return `${as}:${formatIp(address)}`
}
