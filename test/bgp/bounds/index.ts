import { attributes } from './attributes.ts'
import type { Bound } from './bound.ts'
import { headers } from './headers.ts'
import { nlri } from './nlri.ts'
import { opens } from './opens.ts'
import { others } from './others.ts'

/** Every bound, by topic. */
export const BOUNDS: Readonly<Record<string, readonly Bound[]>> = {
  'headers and states': headers,
  OPEN: opens,
  'path attributes': attributes,
  'next hops and NLRI': nlri,
  'ROUTE-REFRESH and NOTIFICATION': others,
}
