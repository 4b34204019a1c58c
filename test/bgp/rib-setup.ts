import { beforeEach } from 'vitest'
import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN } from '../../src/bgp/family.ts'
import type { Nlri } from '../../src/bgp/nlri/index.ts'
import type { AttributeSet } from '../../src/bgp/rib/attribute-pool.ts'
import { Rib } from '../../src/bgp/rib/rib.ts'
import { newSource, type Source } from '../../src/bgp/rib/route.ts'
import { formatMac } from '../../src/values/mac.ts'
import { ip, macRoute, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export const RD = '10.0.0.1'
const RED = rt('64512:10')
export const ATTRIBUTES = { origin: 0, asPath: [], localPref: 100, extendedCommunities: [RED] }

/** Counts the slices of the RIB. */
class CountingClock extends VirtualClock {
  slices = 0

  override soon(run: () => void): void {
    this.slices++
    super.soon(run)
  }
}

export let clock: CountingClock
export let rib: Rib

beforeEach(() => {
  clock = new CountingClock()
  startRib()
})

export const peer = (number: number, changes: { internal?: boolean; as?: number } = {}): Source =>
  newSource(`BGP-${number}`, {
    address: ip(`10.77.${number >> 8}.${number & 0xff}`),
    as: 64512,
    internal: true,
    isClient: true,
    identifier: number,
    ...changes,
  })

export const mac = (number: number): Nlri => macRoute(RD, formatMac(0x020000000000 + number), null)

export const setOf = (changes: Partial<Attributes>): AttributeSet =>
  rib.pool.originated({ ...noAttributes(), ...ATTRIBUTES, ...changes }, ip(RD))

export function advertise(
  source: Source,
  nlri: Nlri,
  changes: Partial<Attributes> = {},
  family = EVPN,
): void {
  rib.advertise(source, family, nlri, 0, setOf(changes))
}

export function startRib(): void {
  rib = new Rib(clock)
}
