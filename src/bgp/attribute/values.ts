import type { Ip } from '../../values/address.ts'
import type { Octets } from '../../values/bytes.ts'

export const AsSegmentType = { Set: 1, Sequence: 2, ConfedSequence: 3, ConfedSet: 4 } as const

export interface AsSegment {
  readonly type: number
  readonly asns: readonly number[]
}

export interface Aggregator {
  readonly as: number
  readonly address: Ip
}

/** RFC 6514 §5. `label` is the raw field: a VNI or a label stack entry. */
export interface PmsiTunnel {
  readonly flags: number
  readonly tunnelType: number
  readonly label: number
  readonly tunnelId: Octets
}

export interface Tlv {
  readonly type: number
  readonly value: Octets
}

export interface UnknownAttribute {
  readonly code: number
  readonly flags: number
  readonly value: Octets
}
