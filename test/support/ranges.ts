import type { Ranges } from '../../src/vpn/config.ts'

/** The defaults of a daemon. */
export const RANGES: Ranges = { labels: [16, 1_048_574], tables: [1001, 65_535], vrfPrefix: 'bvrf-' }
