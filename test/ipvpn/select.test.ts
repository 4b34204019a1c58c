import { beforeEach, describe, expect, test } from 'vitest'
import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { VPNV4 } from '../../src/bgp/family.ts'
import { Rib } from '../../src/bgp/rib/rib.ts'
import { newSource } from '../../src/bgp/rib/route.ts'
import { hashSortOrder } from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import {
  choosePaths,
  isVpnRoute,
  type VpnRoute,
  whyNotChosen,
  whyUnlabelled,
} from '../../src/ipvpn/select.ts'
import { formatIp } from '../../src/values/address.ts'
import type { Octets } from '../../src/values/bytes.ts'
import { ip, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const source = newSource('peer', {
  address: ip('10.77.0.1'),
  as: 64512,
  internal: true,
  isClient: false,
  identifier: 1,
})

let rib: Rib

beforeEach(() => {
  rib = new Rib(new VirtualClock())
})

/** The route of provider edge n to one prefix, as a peer passes it on. */
function route(n: number, changes: Partial<Attributes> = {}, label = 16): VpnRoute {
  const attributes = { ...noAttributes(), extendedCommunities: [rt('64512:10')], ...changes }
  const rd = ipv4Rd(ip(`10.77.${n >> 8}.${n & 0xff}`), 1)
  const nlri = { ip: ip('10.0.0.0'), length: 24, rd, label: mplsField(label) }
  const nextHop = ip(`10.77.${n >> 8}.${n & 0xff}`)
  rib.advertise(source, VPNV4, nlri, 0, rib.pool.originated(attributes, nextHop))
  const added = [...rib.best(VPNV4)].at(-1)!
  if (!isVpnRoute(added)) throw new Error('not a VPN route')
  return added
}

const hops = (paths: readonly VpnRoute[]) => paths.map(({ set }) => formatIp(set.nextHop!))

describe('the paths to a prefix', () => {
  test('share at one LOCAL_PREF, which is 100 where a route has none', () => {
    const routes = [route(1), route(2, { localPref: 100 }), route(4, { localPref: 99 })]
    expect(hops(choosePaths(routes))).toEqual(['10.77.0.1', '10.77.0.2'])
    const best = route(3, { localPref: 101 })
    const paths = choosePaths([...routes, best])
    expect(hops(paths)).toEqual(['10.77.0.3'])
    expect(whyNotChosen(routes[0]!, paths)).toBe('10.77.0.3 is better: higher LOCAL_PREF (101 over 100)')
  })

  test('are in the order of their hash, 0 if it is missing, then of their next hop', () => {
    const ordered = (n: number, order: number) =>
      route(n, { extendedCommunities: [rt('64512:10'), hashSortOrder(order)] })
    const paths = choosePaths([ordered(1, 2), ordered(2, 1), route(4), ordered(3, 0), ordered(5, 1)])
    expect(hops(paths)).toEqual(['10.77.0.3', '10.77.0.4', '10.77.0.2', '10.77.0.5', '10.77.0.1'])
  })

  test('are at most 128', () => {
    const routes = Array.from({ length: 129 }, (_, n) => route(n + 1))
    const paths = choosePaths(routes)
    expect(hops(paths)).toEqual(hops(routes).slice(0, 128))
    expect(whyNotChosen(routes[128]!, paths)).toBe('there are already 128 paths')
    expect(whyNotChosen(routes[0]!, [])).toBe('a local endpoint wins')
  })
})

test('a route of an SRv6 service, or with a reserved label, has no label to send with', () => {
  const sid = [{ type: 5, value: '' as Octets }]
  const index = [{ type: 1, value: '' as Octets }]
  expect(whyUnlabelled(route(1, { prefixSid: sid }, 4096))).toBe(
    'its packets go by an SRv6 SID, not by a label',
  )
  expect(whyUnlabelled(route(1, { prefixSid: index }, 4096))).toBeNull()
  expect(whyUnlabelled(route(1, {}, 16))).toBeNull()
  expect(whyUnlabelled(route(1, {}, 15))).toBe('label 15 is reserved')
})
